/* The applications in examples/, each run as its README says. Those whose models are not on
 * this machine are skipped. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "fixture/scenario.h"

#define PICTURES "/usr/share/darknet/data/dog.jpg"

/* Of each equal device. Sanitizers shadow memory many times over, and slow down all but the
 * engine: they see the same frames, without waiting for a weak device's quota. */
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define MEMORY "8G"
#define CORES  "1"
#else
#define MEMORY "1G"
#define CORES  "0.3"
#endif

static char *models; /* as the user finds them */

/* Models are where the user has them; profiles are the build's, as in all scenarios. */
static int make(void **state)
{
    const char *own = secure_getenv("BRUME_MODELS");
    cleanup(memory_free) char *cache = file_cache_folder();

    models =
        memory_format("%s/models:.%s%s", cache, own != NULL ? ":" : "", own != NULL ? own : "");
    int r = scenario_make(state);
    return r < 0 ? r : setenv("BRUME_MODELS", models, 1); /* NOLINT(concurrency-mt-unsafe) */
}

static int unmake(void **state)
{
    memory_free(&models);
    return scenario_remove(state);
}

static char *example(const char *name)
{
    return memory_format("%s/../../examples/%s", secure_getenv("BRUME_TEST_DATA"), name);
}

static void need(const char *file)
{
    cleanup(memory_free) char *path = file_search(NULL, file);

    if (path == NULL) {
        print_message("skipped: %s is not on this machine\n", file);
        skip();
    }
}

/* Runs it over 14 frames, each of which arrives once; returns the report. */
static json_t *run_manifest(const char *path, const char *devices, const char *how)
{
    cleanup(memory_free) char *out = NULL;
    cleanup(memory_free) char *err = NULL;

    bool equal = strcmp(devices, "--devices") == 0;

    SCENARIO_RUN(0, &out, &err, "run", path, devices, how, "--frames", "14", "--json",
                 equal ? "--memory" : NULL, MEMORY, "--cpu", CORES);
    json_t *report = scenario_json(out);
    scenario_assert_frames(report, 14, 14);
    return report;
}

static json_t *run_example(const char *name, const char *devices, const char *how)
{
    cleanup(memory_free) char *path = example(name);

    return run_manifest(path, devices, how);
}

static void assert_picture(const char *name)
{
    cleanup(memory_free) char *picture = scenario_read(name);

    if (memcmp(picture, "\xff\xd8", 2) != 0) {
        fail_msg("%s is no JPEG", name);
    }
}

/* One of a line's boxes has this label. */
static void assert_label(const char *name, const char *label)
{
    cleanup(memory_free) char *text = scenario_read(name);
    cleanup(memory_free) char *part = memory_format("\"label\":\"%s\"", label);
    size_t first = strcspn(text, "\n");

    text[first] = '\0';
    if (strstr(text, part) == NULL) {
        fail_msg("no %s in the first line of %s: %s", label, name, text);
    }
}

static void the_demo_draws_boxes_on_every_photograph(void **state)
{
    (void)state;
    need("ssd_mobilenet_v2_oi.tflite");
    need(PICTURES);
    json_decref(run_example("detect/detect.yaml", "--devices", "3"));
    assert_picture("out/000000.jpg");
    assert_picture("out/000013.jpg");
    scenario_assert_sequences("out/detections.json", 14);
    assert_label("out/detections.json", "Dog");
    assert_label("out/detections.json", "Bicycle");
    assert_label("out/detections.json", "Car");
}

static void nothing_but_counts_goes_to_the_office(void **state)
{
    cleanup(memory_free) char *testbed = example("crowd/street.yaml");
    size_t i;
    json_t *link;
    unsigned n_links = 0;

    (void)state;
    need("ssd_mobilenet_v2_oi.tflite");
    need(PICTURES);
    cleanup(json_decrefp) json_t *report =
        run_example("crowd/crowd.yaml", "--testbed", testbed);
    json_array_foreach(json_object_get(report, "links"), i, link)
    {
        const char *to = json_string_value(json_object_get(link, "to"));
        if (strncmp(to, "kept", 4) == 0 || strncmp(to, "reports", 7) == 0) {
            n_links++;
            assert_in_range(json_integer_value(json_object_get(link, "bytes")), 1, 10000);
        }
    }
    assert_true(n_links > 0);
    scenario_assert_sequences("out/persons.json", 14);
}

/* What a controller in a cluster has in its folder does for a run here, too. */
static void the_clusters_example_runs_here_beside_its_files(void **state)
{
    cleanup(memory_free) char *path = example("cluster/street.yaml");
    cleanup(memory_free) char *manifest = scenario_read(path);

    (void)state;
    need("ssd_mobilenet_v2_oi.tflite");
    need(PICTURES);
    assert_int_equal(mkdir("my-files", 0755), 0);
    assert_int_equal(symlink("/usr/share/darknet/data", "my-files/street"), 0);
    scenario_write("my-files/street.yaml", "%s", manifest);
    json_decref(run_manifest("my-files/street.yaml", "--devices", "2"));
}

static void yolox_finds_the_dog(void **state)
{
    (void)state;
    need("yolox_nano.onnx");
    need(PICTURES);
    json_decref(run_example("yolo/yolo.yaml", "--devices", "3"));
    assert_picture("out/000013.jpg");
    assert_label("out/detections.json", "dog");
    assert_label("out/detections.json", "bicycle");
    assert_label("out/detections.json", "car");
}

static void tinier_yolo_finds_the_dog(void **state)
{
    (void)state;
    need("tinier-yolo-voc-float.onnx");
    need(PICTURES);
    json_decref(run_example("yolo/tinier.yaml", "--devices", "3"));
    assert_label("out/detections.json", "dog");
    assert_label("out/detections.json", "bicycle");
    assert_label("out/detections.json", "car");
}

static void the_papers_network_is_made_and_runs(void **state)
{
    cleanup(memory_free) char *out = NULL;
    cleanup(memory_free) char *err = NULL;

    (void)state;
    need("/usr/share/darknet/cfg/yolov2-tiny-voc.cfg");
    need(PICTURES);
    SCENARIO_RUN(0, &out, &err, "model", "import", "/usr/share/darknet/cfg/yolov2-tiny-voc.cfg",
                 "-o", "yolov2-tiny-voc.onnx", "--seed", "1");
    json_decref(run_example("yolo/paper.yaml", "--devices", "3"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_demo_draws_boxes_on_every_photograph),
        cmocka_unit_test(nothing_but_counts_goes_to_the_office),
        cmocka_unit_test(the_clusters_example_runs_here_beside_its_files),
        cmocka_unit_test(yolox_finds_the_dog),
        cmocka_unit_test(tinier_yolo_finds_the_dog),
        cmocka_unit_test(the_papers_network_is_made_and_runs),
    };

    return cmocka_run_group_tests_name("examples", tests, make, unmake);
}
