/* An operator that its user wrote, from the SDK's header alone, runs where brume's own do. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/memory.h"
#include "fixture/scenario.h"

#define PICTURE "/usr/share/darknet/data/dog.jpg"

/* The same picture as it is and blurred, both as PNG. */
static void write_application(void)
{
    scenario_needs(PICTURE);
    scenario_write("soft.yaml",
                   "apiVersion: brume.dev/v1alpha1\n"
                   "kind: Application\n"
                   "metadata: { name: soft }\n"
                   "spec:\n"
                   "  operators:\n"
                   "    - { name: camera,  use: image-source, with: { path: %s } }\n"
                   "    - { name: picture, use: decode, in: [camera] }\n"
                   "    - { name: soft,    use: blur, in: [picture], with: { radius: 5 } }\n"
                   "    - name: clear-files\n"
                   "      use: image-sink\n"
                   "      in: [picture]\n"
                   "      with: { path: clear, format: png }\n"
                   "    - name: soft-files\n"
                   "      use: image-sink\n"
                   "      in: [soft]\n"
                   "      with: { path: soft, format: png }\n",
                   PICTURE);
}

static off_t size_of(const char *path)
{
    struct stat status;

    if (stat(path, &status) < 0) {
        fail_msg("%s is not there", path);
    }
    return status.st_size;
}

/* The device on which an operator ran; "": it did not. */
static const char *device_of(const json_t *report, const char *operator)
{
    size_t i, j;
    json_t *stage, *name;

    json_array_foreach(json_object_get(report, "stages"), i, stage)
    {
        json_array_foreach(json_object_get(stage, "operators"), j, name)
        {
            if (strcmp(json_string_value(name), operator) == 0) {
                return json_string_value(json_object_get(stage, "device"));
            }
        }
    }
    return "";
}

static void an_operator_of_the_users_own_runs_in_a_stage(void **state)
{
    (void)state;
    cleanup(memory_free) char *out = NULL;
    cleanup(memory_free) char *err = NULL;

    write_application();
    SCENARIO_RUN(0, &out, &err, "run", "soft.yaml", "--devices", "2", "--cpu", "0.5", "--place",
                 "soft=device-2", "--place", "picture=device-1", "--json");
    cleanup(json_decrefp) json_t *report = scenario_json(out);
    scenario_assert_frames(report, 1, 1);
    assert_string_equal(device_of(report, "soft"), "device-2");
    /* A blurred picture has less to say: a third at the least, and it is about half. */
    assert_true(3 * size_of("soft/000000.png") < 2 * size_of("clear/000000.png"));
}

static void an_operator_that_is_not_found_is_refused(void **state)
{
    (void)state;
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): tests have one thread */
    cleanup(memory_free) char *folders = memory_text(getenv("BRUME_OPERATORS"));
    cleanup(memory_free) char *out = NULL;
    cleanup(memory_free) char *err = NULL;

    assert_non_null(folders);
    write_application();
    setenv("BRUME_OPERATORS", "/nowhere", 1); /* NOLINT(concurrency-mt-unsafe) */
    SCENARIO_RUN(65, &out, &err, "run", "soft.yaml", "--devices", "2");
    setenv("BRUME_OPERATORS", folders, 1); /* NOLINT(concurrency-mt-unsafe) */
    assert_non_null(strstr(err, "brume: soft.yaml:8:29: unknown operator 'blur'"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_operator_of_the_users_own_runs_in_a_stage),
        cmocka_unit_test(an_operator_that_is_not_found_is_refused),
    };

    return cmocka_run_group_tests_name("operators", tests, scenario_make, scenario_remove);
}
