/* Files from a controller that the test plays. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/test.h"
#include "stage/fetch.h"

struct desk {
    char folder[64];
    struct fetch *fetch;
    char asked[256]; /* the last path, and the offset */
    json_int_t offset;
    unsigned n_asked, n_complete;
};

static void say(void *owner, json_t *message)
{
    struct desk *desk = owner;

    assert_string_equal(json_string_value(json_object_get(message, "type")), "fetch");
    snprintf(desk->asked, sizeof(desk->asked), "%s",
             json_string_value(json_object_get(message, "path")));
    desk->offset = json_integer_value(json_object_get(message, "offset"));
    desk->n_asked++;
    json_decref(message);
}

static void complete(void *owner)
{
    struct desk *desk = owner;

    desk->n_complete++;
    fetch_end(STEAL(desk->fetch));
}

static int open_desk(void **state)
{
    struct desk *desk = memory_new(1, sizeof(*desk));

    snprintf(desk->folder, sizeof(desk->folder), "/tmp/brume-test-fetch-%d", getpid());
    *state = desk;
    return 0;
}

static int close_desk(void **state)
{
    struct desk *desk = *state;
    struct error err;

    fetch_end(desk->fetch);
    file_remove_folder(desk->folder, &err);
    memory_free(&desk);
    return 0;
}

/* The file `name` of `size` bytes, offered. */
static void offer(json_t *files, const struct desk *desk, const char *name, int size)
{
    cleanup(memory_free) char *path = memory_format("%s/%s", desk->folder, name);

    json_array_append_new(files, json_pack("{sssi}", "path", path, "size", size));
}

static int begin(struct desk *desk, json_t *files, struct error *err)
{
    const struct fetch_events events = {say, complete, desk};
    struct fetch *fetch = NULL;
    int r = fetch_begin(files, desk->folder, &events, &fetch, err);

    if (desk->n_complete == 0) {
        desk->fetch = fetch;
    }
    json_decref(files);
    return r;
}

static void assert_holds(const struct desk *desk, const char *name, const char *text)
{
    cleanup(memory_free) char *path = memory_format("%s/%s", desk->folder, name);
    cleanup(memory_free) void *bytes = NULL;
    struct error err;
    size_t size;

    assert_int_equal(file_read(path, 1000, &bytes, &size, &err), 0);
    assert_string_equal(bytes, text);
}

static void files_come_piece_by_piece_one_after_the_other(void **state)
{
    struct desk *desk = *state;
    json_t *files = json_array();
    struct error err;

    offer(files, desk, "models/net.tflite", 5);
    offer(files, desk, "empty", 0);
    offer(files, desk, "labels", 3);
    assert_int_equal(begin(desk, files, &err), 0);
    assert_non_null(strstr(desk->asked, "models/net.tflite"));
    assert_int_equal(fetch_take(desk->fetch, 0, "abc", 3, &err), 0);
    assert_int_equal(desk->offset, 3);
    assert_int_equal(fetch_take(desk->fetch, 3, "de", 2, &err), 0);
    assert_non_null(strstr(desk->asked, "labels"));
    assert_int_equal(desk->n_complete, 0);
    assert_int_equal(fetch_take(desk->fetch, 0, "dog", 3, &err), 0);
    assert_int_equal(desk->n_complete, 1);
    assert_holds(desk, "models/net.tflite", "abcde");
    assert_holds(desk, "empty", "");
    assert_holds(desk, "labels", "dog");
}

static void what_is_there_is_not_asked_for(void **state)
{
    struct desk *desk = *state;
    cleanup(memory_free) char *path = memory_format("%s/labels", desk->folder);
    json_t *files = json_array();
    struct error err;

    assert_int_equal(file_make_folder(desk->folder, &err), 0);
    assert_int_equal(file_write(path, "dog", 3, &err), 0);
    offer(files, desk, "labels", 3);
    assert_int_equal(begin(desk, files, &err), 0);
    assert_int_equal(desk->n_complete, 1);
    assert_int_equal(desk->n_asked, 0);
}

static void after_a_broken_link_the_same_piece_is_asked_for_again_and_taken_once(void **state)
{
    struct desk *desk = *state;
    json_t *files = json_array();
    struct error err;

    offer(files, desk, "labels", 6);
    assert_int_equal(begin(desk, files, &err), 0);
    assert_int_equal(fetch_take(desk->fetch, 0, "dog", 3, &err), 0);
    fetch_again(desk->fetch);
    assert_int_equal(desk->offset, 3);
    assert_int_equal(fetch_take(desk->fetch, 0, "dog", 3, &err), 0);
    assert_int_equal(fetch_take(desk->fetch, 3, "cat", 3, &err), 0);
    assert_holds(desk, "labels", "dogcat");
}

static void a_path_outside_of_the_folder_is_refused(void **state)
{
    struct desk *desk = *state;
    const char *names[] = {"../passwd", "a/../../passwd", "..", "a/.."};
    struct error err;

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        json_t *files = json_array();
        offer(files, desk, names[i], 3);
        assert_int_equal(begin(desk, files, &err), -EPERM);
    }
    assert_int_equal(begin(desk, json_pack("[{sssi}]", "path", "/etc/passwd", "size", 3), &err),
                     -EPERM);
    assert_int_equal(desk->n_asked, 0);
}

static void more_or_less_than_was_offered_is_refused_and_leaves_nothing(void **state)
{
    struct desk *desk = *state;
    cleanup(memory_free) char *path = memory_format("%s/labels.part", desk->folder);
    json_t *files = json_array();
    struct error err;

    offer(files, desk, "labels", 3);
    assert_int_equal(begin(desk, files, &err), 0);
    assert_int_equal(access(path, F_OK), 0);
    assert_int_equal(fetch_take(desk->fetch, 0, "dogs", 4, &err), -EPROTO);
    assert_int_equal(fetch_take(desk->fetch, 0, "", 0, &err), -EPROTO);
    fetch_end(STEAL(desk->fetch));
    assert_int_equal(access(path, F_OK), -1);
}

#define STORY(name) cmocka_unit_test_setup_teardown(name, open_desk, close_desk)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(files_come_piece_by_piece_one_after_the_other),
        STORY(what_is_there_is_not_asked_for),
        STORY(after_a_broken_link_the_same_piece_is_asked_for_again_and_taken_once),
        STORY(a_path_outside_of_the_folder_is_refused),
        STORY(more_or_less_than_was_offered_is_refused_and_leaves_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
