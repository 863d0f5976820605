/* What a container is asked to be, and what its end is called. */
#include <string.h>

#include "base/memory.h"
#include "base/test.h"
#include "fabric/docker_container.h"
#include "fabric/fabric.h"

static const struct docker_container usual = {
    .run = "1a2b3c",
    .application = "street",
    .stage = "detect-1",
    .device = "device-1",
    .image = "brume/stage-all:1",
    .controller = "172.18.0.1:7000",
    .network = "brume-1a2b3c",
    .cpu = -1,
    .user = 65532,
    .user_group = 65532,
};

static const json_t *host_part(const json_t *body, const char *key)
{
    return json_object_get(json_object_get(body, "HostConfig"), key);
}

static void a_stage_is_told_its_name_and_its_controller(void **state)
{
    (void)state;
    json_t *body = docker_container_describe(&usual);
    cleanup(memory_free) char *words = json_dumps(json_object_get(body, "Cmd"), JSON_COMPACT);

    assert_string_equal(words,
                        "[\"--name\",\"detect-1\",\"--controller\",\"172.18.0.1:7000\"]");
    assert_true(json_is_true(json_object_get(body, "StdinOnce")));
    assert_string_equal(json_string_value(json_object_get(body, "User")), "65532:65532");
    json_decref(body);
}

static void what_is_not_limited_is_not_said(void **state)
{
    (void)state;
    json_t *body = docker_container_describe(&usual);

    assert_null(host_part(body, "Memory"));
    assert_null(host_part(body, "CpusetCpus"));
    assert_null(host_part(body, "CgroupParent"));
    json_decref(body);
}

static void limits_are_said_and_no_memory_is_less_than_the_engine_takes(void **state)
{
    (void)state;
    struct docker_container container = usual;

    container.memory = 1;
    container.cpu = 3;
    container.group = "/brume-1a2b3c/1";
    json_t *body = docker_container_describe(&container);
    assert_int_equal(json_integer_value(host_part(body, "Memory")), 6 << 20);
    assert_int_equal(json_integer_value(host_part(body, "MemorySwap")), 6 << 20);
    assert_string_equal(json_string_value(host_part(body, "CpusetCpus")), "3");
    assert_string_equal(json_string_value(host_part(body, "CgroupParent")), "/brume-1a2b3c/1");
    json_decref(body);
}

static void mounts_keep_their_path_and_are_read_only_unless_said(void **state)
{
    (void)state;
    const struct fabric_mount mounts[] = {{(char *)"/data/a b.onnx", false},
                                          {(char *)"/out", true}};
    struct docker_container container = usual;

    container.mounts = mounts;
    container.n_mounts = 2;
    json_t *body = docker_container_describe(&container);
    const json_t *one = json_array_get(host_part(body, "Mounts"), 0);
    const json_t *two = json_array_get(host_part(body, "Mounts"), 1);
    assert_string_equal(json_string_value(json_object_get(one, "Source")), "/data/a b.onnx");
    assert_string_equal(json_string_value(json_object_get(one, "Target")), "/data/a b.onnx");
    assert_true(json_is_true(json_object_get(one, "ReadOnly")));
    assert_false(json_is_true(json_object_get(two, "ReadOnly")));
    json_decref(body);
}

static void a_holder_has_no_input(void **state)
{
    (void)state;
    struct docker_container container = usual;

    container.stage = NULL;
    json_t *body = docker_container_describe(&container);
    assert_string_equal(json_string_value(json_array_get(json_object_get(body, "Cmd"), 0)),
                        "--idle");
    assert_false(json_is_true(json_object_get(body, "OpenStdin")));
    assert_null(json_object_get(json_object_get(body, "Labels"), "brume.stage"));
    json_decref(body);
}

static void names_have_nothing_that_a_name_may_not_have(void **state)
{
    (void)state;
    struct docker_container container = usual;
    cleanup(memory_free) char *plain = docker_container_name(&container);

    container.application = "a b/c:ü";
    cleanup(memory_free) char *odd = docker_container_name(&container);
    assert_string_equal(plain, "brume-street-detect-1-1a2b3c");
    assert_string_equal(odd, "brume-a-b-c----detect-1-1a2b3c");
}

static void ends_are_told_as_those_of_processes(void **state)
{
    (void)state;
    static const struct {
        const char *state, *how;
        bool runs, starved;
    } rows[] = {
        {"{\"ExitCode\":70}", "exited with 70", false, false},
        {"{\"ExitCode\":137}", "killed by signal 9 (Killed)", false, false},
        {"{\"ExitCode\":137,\"OOMKilled\":true}", "killed by signal 9 (Killed)", false, true},
        {"{\"ExitCode\":0,\"Running\":true}", "exited with 0", true, false},
        {"{\"ExitCode\":127,\"Error\":\"no such file\"}", "did not run: no such file", false,
         false},
        {"{\"ExitCode\":255}", "exited with 255", false, false},
        {"null", "exited with 0", false, false},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        cleanup(memory_free) char *text = memory_format("{\"State\":%s}", rows[i].state);
        json_t *found = json_loads(text, 0, NULL);
        struct docker_end end;

        docker_container_judge(found, &end);
        assert_string_equal(end.how, rows[i].how);
        assert_true(end.runs == rows[i].runs);
        assert_true(end.starved == rows[i].starved);
        json_decref(found);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stage_is_told_its_name_and_its_controller),
        cmocka_unit_test(what_is_not_limited_is_not_said),
        cmocka_unit_test(limits_are_said_and_no_memory_is_less_than_the_engine_takes),
        cmocka_unit_test(mounts_keep_their_path_and_are_read_only_unless_said),
        cmocka_unit_test(a_holder_has_no_input),
        cmocka_unit_test(names_have_nothing_that_a_name_may_not_have),
        cmocka_unit_test(ends_are_told_as_those_of_processes),
    };

    return cmocka_run_group_tests_name("docker_container", tests, NULL, NULL);
}
