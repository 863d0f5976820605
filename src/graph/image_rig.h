/* For tests that compare the code with the lists of deploy/images. */
#ifndef GRAPH_IMAGE_RIG_H
#define GRAPH_IMAGE_RIG_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/test.h"
#include "graph/image.h"

static inline FILE *image_rig_open(const char *list)
{
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): tests have one thread */
    const char *data = getenv("BRUME_TEST_DATA");
    cleanup(memory_free) char *path = memory_format("%s/../../deploy/images/%s", data, list);
    FILE *file = fopen(path, "re");

    assert_non_null(file);
    return file;
}

/* The first word of the next line that is no comment; NULL: there is none. */
static inline char *image_rig_next(FILE *file, char *line, int size, char **rest)
{
    while (fgets(line, size, file) != NULL) {
        char *word = strtok_r(line, " \n", rest);

        if (word != NULL && *word != '#') {
            return word;
        }
    }
    return NULL;
}

static inline unsigned image_rig_library(const char *name)
{
    unsigned bit = 1;

    while (bit < IMAGE_ALL && strcmp(image_library_name((enum image_library)bit), name) != 0) {
        bit <<= 1;
    }
    if (bit >= IMAGE_ALL) {
        fail_msg("there is no set of libraries '%s'", name);
    }
    return bit;
}

#endif
