/* For tests of what reads or writes files: a folder of their own to work in, in which nothing
 * of the user's is found. Tests have one thread, so the environment may be changed.
 */
#ifndef BASE_TEST_FOLDER_H
#define BASE_TEST_FOLDER_H

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char test_folder[64];

/* A group set-up: makes test_folder and works in it; models are found nowhere else. */
static inline int test_folder_make(void **state)
{
    (void)state;
    snprintf(test_folder, sizeof(test_folder), "/tmp/brume-test-XXXXXX");
    if (mkdtemp(test_folder) == NULL || chdir(test_folder) < 0) {
        return -1;
    }
    unsetenv("BRUME_MODELS");                    /* NOLINT(concurrency-mt-unsafe) */
    return setenv("BRUME_CACHE", "/nowhere", 1); /* NOLINT(concurrency-mt-unsafe) */
}

static inline int test_folder_forget(const char *path, const struct stat *status, int kind,
                                     struct FTW *place)
{
    (void)status;
    (void)kind;
    (void)place;
    return remove(path);
}

/* The group's tear-down. */
static inline int test_folder_remove(void **state)
{
    (void)state;
    if (chdir("/") < 0) {
        return -1;
    }
    /* NOLINTNEXTLINE(concurrency-mt-unsafe) */
    return nftw(test_folder, test_folder_forget, 8, FTW_DEPTH | FTW_PHYS);
}

#endif
