#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/plugin.h"
#include "base/test.h"

static void set_folders(const char *list)
{
    setenv("BRUME_PLUGINS", list, 1); /* NOLINT(concurrency-mt-unsafe) */
}

static void the_folders_of_the_environment_come_first(void **state)
{
    (void)state;
    char **folders;

    set_folders("/one::/two/three:");
    size_t n = plugin_folders(&folders);
    assert_int_equal(n, 4);
    assert_string_equal(folders[0], "/one");
    assert_string_equal(folders[1], "/two/three");
    assert_string_equal(strrchr(folders[2], '/'), "/plugins");
    assert_string_equal(folders[3], BRUME_PLUGIN_FOLDER);
    plugin_folders_free(folders, n);
}

static void a_plugin_that_is_not_there_is_told_with_where_it_was_searched(void **state)
{
    (void)state;
    const void *exported = NULL;
    struct error err;

    set_folders("/nowhere");
    assert_int_equal(plugin_open("engine", "none", "x", &exported, &err), -ENOENT);
    assert_non_null(strstr(err.text, "engine-none.so"));
    assert_int_equal(plugin_open("engine", "../none", "x", &exported, &err), -ENOENT);
    assert_string_equal(err.text, "'../none' is no name of a plug-in");
    assert_int_equal(plugin_open("engine", "", "x", &exported, &err), -ENOENT);
    assert_null(exported);
}

static void a_file_that_is_no_library_is_refused(void **state)
{
    (void)state;
    char folder[] = "/tmp/brume-plugin-XXXXXX";
    const void *exported = NULL;
    struct error err;

    assert_non_null(mkdtemp(folder));
    cleanup(memory_free) char *path = memory_format("%s/engine-odd.so", folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs("not a library", file);
    fclose(file);
    set_folders(folder);
    assert_int_equal(plugin_open("engine", "odd", "x", &exported, &err), -ELIBACC);
    assert_non_null(strstr(err.text, path));
    assert_non_null(strstr(err.text, "(`brume doctor` tells what mends it)"));
    assert_null(exported);
    unlink(path);
    rmdir(folder);
}

static void a_library_of_another_kind_is_refused(void **state)
{
    (void)state;
    const void *exported = NULL;
    struct error err;

    assert_int_equal(plugin_open_file("libc.so.6", "no_such_symbol", &exported, &err),
                     -ELIBBAD);
    assert_string_equal(err.text,
                        "libc.so.6 is no plug-in of this kind: it has no 'no_such_symbol'");
    assert_int_equal(plugin_open_file("libc.so.6", "environ", &exported, &err), 0);
    assert_non_null(exported);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_folders_of_the_environment_come_first),
        cmocka_unit_test(a_plugin_that_is_not_there_is_told_with_where_it_was_searched),
        cmocka_unit_test(a_file_that_is_no_library_is_refused),
        cmocka_unit_test(a_library_of_another_kind_is_refused),
    };
    return cmocka_run_group_tests_name("plugin", tests, NULL, NULL);
}
