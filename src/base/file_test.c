#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/test.h"
#include "base/test_folder.h"

static void put(const char *path, const char *text)
{
    struct error err;

    assert_int_equal(file_write(path, text, strlen(text), &err), 0);
}

static void make(const char *path)
{
    struct error err;

    assert_int_equal(file_make_folder(path, &err), 0);
}

static void check_found(char *found, const char *name)
{
    cleanup(memory_free) char *path = found;
    cleanup(memory_free) char *wanted = memory_format("%s/%s", test_folder, name);

    assert_non_null(path);
    assert_string_equal(path, wanted);
}

static void what_was_written_is_read(void **state)
{
    (void)state;
    cleanup(memory_free) void *bytes = NULL;
    size_t size = 0;
    struct error err;

    put("note", "first and longer");
    put("note", "second");
    assert_int_equal(file_read("note", 6, &bytes, &size, &err), 0);
    assert_int_equal(size, 6);
    assert_string_equal((char *)bytes, "second");
}

static void a_large_file_arrives_whole(void **state)
{
    (void)state;
    cleanup(memory_free) char *out = memory_new(1, 300000);
    cleanup(memory_free) void *in = NULL;
    size_t size = 0;
    struct error err;

    for (size_t i = 0; i < 300000; i++) {
        out[i] = (char)(i * 31);
    }
    assert_int_equal(file_write("large", out, 300000, &err), 0);
    assert_int_equal(file_read("large", 1 << 20, &in, &size, &err), 0);
    assert_int_equal(size, 300000);
    assert_memory_equal(in, out, size);
}

static void a_file_over_the_limit_is_refused(void **state)
{
    (void)state;
    void *bytes = NULL;
    size_t size = 0;
    struct error err;

    put("note", "second");
    assert_int_equal(file_read("note", 5, &bytes, &size, &err), -E2BIG);
    assert_string_equal(err.text, "'note' is larger than 5 bytes");
    assert_int_equal(file_read("none", 5, &bytes, &size, &err), -ENOENT);
    assert_string_equal(err.text, "cannot open 'none': No such file or directory");
    assert_int_equal(file_read(".", 5, &bytes, &size, &err), -EISDIR);
    assert_string_equal(err.text, "'.' is a folder, not a file");
    assert_null(bytes);
}

static void a_pipe_is_refused_and_not_waited_for(void **state)
{
    (void)state;
    void *bytes = NULL;
    size_t size = 0;
    struct error err;

    assert_int_equal(mkfifo("fifo", 0600), 0);
    assert_int_equal(file_read("fifo", 5, &bytes, &size, &err), -EINVAL);
    assert_string_equal(err.text, "'fifo' is not a file");
    assert_int_equal(file_map("fifo", &bytes, &size, &err), -EINVAL);
    assert_int_equal(file_read("/dev/zero", 5, &bytes, &size, &err), -EINVAL);
    assert_null(bytes);
}

static void writes_to_a_map_stay_private(void **state)
{
    (void)state;
    cleanup(memory_free) void *again = NULL;
    void *bytes = NULL;
    size_t size = 0;
    struct error err;

    put("mapped", "weights");
    assert_int_equal(file_map("mapped", &bytes, &size, &err), 0);
    assert_int_equal(size, 7);
    memcpy(bytes, "WEIGHTS", 7);
    file_unmap(bytes, size);
    assert_int_equal(file_read("mapped", 100, &again, &size, &err), 0);
    assert_string_equal((char *)again, "weights");
}

static void only_files_with_content_are_mapped(void **state)
{
    (void)state;
    void *bytes = NULL;
    size_t size = 0;
    struct error err;

    put("empty", "");
    assert_int_equal(file_map("empty", &bytes, &size, &err), -ENODATA);
    assert_string_equal(err.text, "'empty' is empty");
    assert_int_equal(file_map(".", &bytes, &size, &err), -EINVAL);
    assert_string_equal(err.text, "'.' is a folder, not a file");
    assert_int_equal(mkfifo("pipe", 0600), 0);
    assert_int_equal(file_map("pipe", &bytes, &size, &err), -EINVAL);
}

static void a_write_that_fails_leaves_nothing(void **state)
{
    (void)state;
    struct error err;

    make("folder/inside");
    assert_int_equal(file_write("folder", "x", 1, &err), -EISDIR);
    assert_int_equal(file_write("nowhere/x", "x", 1, &err), -ENOENT);
    assert_string_equal(err.text, "cannot write 'nowhere/x': No such file or directory");
    assert_null(file_search_glob(test_folder, "folder.*"));
}

static void a_file_in_the_way_of_a_folder_is_named(void **state)
{
    (void)state;
    struct error err;

    put("way", "x");
    assert_int_equal(file_make_folder("way", &err), -ENOTDIR);
    assert_string_equal(err.text, "cannot make folder 'way': a file is in its place");
    assert_int_equal(file_make_folder("way/deeper", &err), -ENOTDIR);
}

static void models_are_searched_in_their_order(void **state)
{
    (void)state;

    make("here");
    make("shelf/yolo");
    make("cache/models");
    /* NOLINTNEXTLINE(concurrency-mt-unsafe) */
    setenv("BRUME_CACHE", "cache", 1);
    /* NOLINTNEXTLINE(concurrency-mt-unsafe) */
    setenv("BRUME_MODELS", "missing:shelf", 1);
    assert_null(file_search("here", "a.onnx"));
    put("cache/models/a.onnx", "c");
    check_found(file_search("here", "a.onnx"), "cache/models/a.onnx");
    put("shelf/yolo/a.onnx", "s");
    check_found(file_search("here", "a.onnx"), "shelf/yolo/a.onnx");
    put("here/a.onnx", "h");
    check_found(file_search("here", "a.onnx"), "here/a.onnx");
    check_found(file_search(NULL, "a.onnx"), "shelf/yolo/a.onnx");
    assert_null(file_search("here", ""));
    /* NOLINTNEXTLINE(concurrency-mt-unsafe) */
    setenv("BRUME_CACHE", "/nowhere", 1);
}

static void an_absolute_name_is_taken_as_it_is(void **state)
{
    (void)state;
    cleanup(memory_free) char *name = memory_format("%s/exact", test_folder);

    assert_null(file_search("here", name));
    put("exact", "x");
    check_found(file_search("here", name), "exact");
}

static void a_glob_must_match_something(void **state)
{
    (void)state;

    make("street [1]");
    make("void");
    put("street [1]/a.jpg", "x");
    check_found(file_search_glob("street [1]", "*.jpg"), "street \\[1\\]/*.jpg");
    check_found(file_search_glob("street [1]", "a.jpg"), "street [1]/a.jpg");
    check_found(file_search_glob(".", "street [1]"), "street [1]");
    assert_null(file_search_glob("street [1]", "*.png"));
    assert_null(file_search_glob(".", "void"));
}

static void the_places_are_told(void **state)
{
    (void)state;
    cleanup(memory_free) char *wanted =
        memory_text("/apps, BRUME_MODELS (not set), /nowhere/models");

    unsetenv("BRUME_MODELS"); /* NOLINT(concurrency-mt-unsafe) */
    cleanup(memory_free) char *places = file_search_places("/apps");
    assert_string_equal(places, wanted);
}

static void a_path_becomes_absolute(void **state)
{
    (void)state;

    check_found(file_absolute("out"), "out");
    check_found(file_absolute("././out"), "out");
    cleanup(memory_free) char *root = file_absolute("/x");
    assert_string_equal(root, "/x");
    cleanup(memory_free) char *here = file_absolute(".");
    assert_string_equal(here, test_folder);
}

/* In a process of its own: whether 0 to 2 are open after these were closed. */
static bool ensures_standard(const bool closed[3])
{
    struct stat nothing, is;

    for (int fd = 0; fd < 3; fd++) {
        if (closed[fd]) {
            close(fd);
        }
    }
    file_ensure_standard();
    bool right = stat("/dev/null", &nothing) == 0;
    for (int fd = 0; fd < 3; fd++) {
        right = right && fstat(fd, &is) == 0 && (!closed[fd] || is.st_rdev == nothing.st_rdev);
    }
    return right;
}

static void a_closed_standard_descriptor_becomes_dev_null(void **state)
{
    (void)state;
    for (unsigned which = 0; which < 8; which++) {
        int status = -1;
        pid_t pid = fork();

        assert_true(pid >= 0);
        if (pid == 0) {
            _exit(ensures_standard((bool[]){which & 1, which & 2, which & 4}) ? 0 : 1);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pipe_is_refused_and_not_waited_for),
        cmocka_unit_test(what_was_written_is_read),
        cmocka_unit_test(a_large_file_arrives_whole),
        cmocka_unit_test(a_file_over_the_limit_is_refused),
        cmocka_unit_test(writes_to_a_map_stay_private),
        cmocka_unit_test(only_files_with_content_are_mapped),
        cmocka_unit_test(a_write_that_fails_leaves_nothing),
        cmocka_unit_test(a_file_in_the_way_of_a_folder_is_named),
        cmocka_unit_test(models_are_searched_in_their_order),
        cmocka_unit_test(an_absolute_name_is_taken_as_it_is),
        cmocka_unit_test(a_glob_must_match_something),
        cmocka_unit_test(the_places_are_told),
        cmocka_unit_test(a_path_becomes_absolute),
        cmocka_unit_test(a_closed_standard_descriptor_becomes_dev_null),
    };
    return cmocka_run_group_tests_name("file", tests, test_folder_make, test_folder_remove);
}
