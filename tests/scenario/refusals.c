/* What cannot work is refused: in a sentence that says where, with the exit code of sysexits,
 * and as early as it can be known. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "fixture/scenario.h"

#define HEAD \
    "apiVersion: brume.dev/v1alpha1\nkind: Application\nmetadata: { name: street }\nspec:\n"
#define CAMERA \
    "  operators:\n    - { name: camera, use: image-source, with: { path: pictures } }\n"
#define PICTURE  "    - { name: picture, use: decode, in: [camera] }\n"
#define SINK(of) "    - { name: out, use: null-sink, in: [" of "] }\n"

/* "brume: street.yaml:" stands before each sentence. */
static const struct refusal {
    const char *manifest, *sentence;
} refusals[] = {
    {" ", " nothing in it"},
    {"hello\n", "1:1: a map of keys must stand here, not a text"},
    {"kind: [\n",
     "2:1: not YAML: did not find expected node content while parsing a flow node"},
    {"kind: Application\n", "1:1: key 'apiVersion' is missing (brume.dev/v1alpha1)"},
    {"apiVersion: brume.dev/v1alpha1\nkind: Testbed\n",
     "2:7: 'kind' may not be 'Testbed', only Application"},
    {HEAD "  operators: []\n", "5:14: 'operators' must list 1 to 256 operators, not 0"},
    {HEAD "  objective: speed\n" CAMERA SINK("camera"),
     "5:14: 'objective' may not be 'speed', only throughput|latency|traffic"},
    {HEAD "  qos: { rate: fast }\n" CAMERA SINK("camera"),
     "5:16: 'rate' must be a rate above 0 such as 5/s or 300/min, not 'fast'"},
    {HEAD CAMERA "    - { name: picture, use: decod, in: [camera] }\n" SINK("picture"),
     "7:29: unknown operator 'decod' (did you mean 'decode'?)"},
    {HEAD CAMERA "    - { name: out, uses: null-sink, in: [camera] }\n",
     "7:20: unknown key 'uses' in 'operators' (did you mean 'use'?)"},
    {HEAD CAMERA SINK("camra"),
     "7:41: there is no operator called 'camra' (did you mean 'camera'?)"},
    {HEAD CAMERA SINK("camera") SINK("camera"),
     "8:15: there is an operator called 'out' already, in line 7"},
    {HEAD CAMERA PICTURE SINK("camera"),
     "7:15: nobody reads 'picture', and it is not a sink (null-sink takes anything)"},
    {HEAD CAMERA
     "    - { name: small, use: resize, in: [camera], with: { size: 64x64 } }\n" SINK("small"),
     "7:40: 'camera' gives bytes, but input 'in' of 'small' takes a picture"},
    {HEAD CAMERA PICTURE
     "    - { name: small, use: resize, in: [picture], with: { size: big } }\n" SINK("small"),
     "8:64: 'size' must be width x height in pixels such as 416x416, not 'big'"},
    {HEAD CAMERA PICTURE
     "    - { name: small, use: resize, in: [picture], with: { width: 64 } }\n" SINK("small"),
     "8:58: 'resize' has no parameter 'width' (`brume operators resize` lists them)"},
    {HEAD CAMERA PICTURE
     "    - { name: small, use: resize, in: [picture], with: { size: 100000x1 } }\n" SINK(
         "small"),
     "8:64: 'size' must be 1 to 65535 pixels wide and high, not '100000x1'"},
    {HEAD CAMERA PICTURE
     "    - { name: small, use: resize, in: [picture], with: { size: 16384x16384 } }\n" SINK(
         "small"),
     "8:15: operator 'small': small: a picture of 16384x16384 pixels is over the limit of 89 "
     "million"},
    {HEAD "  operators:\n    - { name: noise, use: noise-source, with: { size: 16384x16384 } "
          "}\n" SINK("noise"),
     "6:15: operator 'noise': noise: a picture of 16384x16384 pixels is over the limit of 89 "
     "million"},
    {HEAD CAMERA "    - { name: a, use: resize, in: [b], with: { size: 64x64 } }\n"
                 "    - { name: b, use: resize, in: [a], with: { size: 64x64 } }\n" SINK("b"),
     "7:15: the operators go round in a circle: a -> b -> a"},
};

static void add_pictures(void)
{
    if (access("pictures", F_OK) < 0) {
        assert_int_equal(mkdir("pictures", 0700), 0);
        scenario_write("pictures/one.jpg", "no picture, but nobody looks");
    }
}

/* Where there is no program for stages, that would be the word as soon as a fabric is opened.
 */
static int forbid_stages(void **state)
{
    (void)state;
    return setenv("BRUME_STAGE", "/nowhere", 1); /* NOLINT(concurrency-mt-unsafe) */
}

static int allow_stages(void **state)
{
    (void)state;
    return unsetenv("BRUME_STAGE"); /* NOLINT(concurrency-mt-unsafe) */
}

static void wrong_manifests_are_refused_before_anything_starts(void **state)
{
    (void)state;
    cleanup(memory_free) char *out = NULL;
    cleanup(memory_free) char *err = NULL;

    add_pictures();
    for (size_t i = 0; i < sizeof(refusals) / sizeof(*refusals); i++) {
        cleanup(memory_free) char *sentence =
            memory_format("brume: street.yaml:%s\n", refusals[i].sentence);
        scenario_write("street.yaml", "%s", refusals[i].manifest);
        SCENARIO_RUN(65, &out, &err, "run", "street.yaml", "--devices", "3");
        assert_string_equal(err, sentence);
        assert_string_equal(out, "");
    }
}

/* Options, one of which is wrong, and what is said of it. */
static const struct mistake {
    int code;
    const char *arguments[8];
    const char *sentence;
} mistakes[] = {
    {64, {"rnu"}, "there is no command 'rnu' (did you mean 'run'?)"},
    {64, {"run"}, "which application? Name its manifest"},
    {64, {"run", "street.yaml", "other.yaml"}, "one application at a time, please"},
    {64, {"run", "-"}, "the manifest must be a file; standard input is not read"},
    {65, {"run", "pipe"}, "'pipe' is not a file"},
    {65, {"run", "street.yaml", "--testbed", "pipe"}, "'pipe' is not a file"},
    {64, {"run", "street.yaml", "--nonsense"}, "unrecognized option '--nonsense'"},
    {64, {"run", "street.yaml", "-d", "0"}, "--devices takes a whole number from 1, not '0'"},
    {64, {"run", "street.yaml", "-d", "999"}, "999 devices: 1 to 200 can be emulated"},
    {64,
     {"run", "street.yaml", "--replicas", "0"},
     "--replicas takes off or a whole number from 1, not '0'"},
    {64, {"run", "street.yaml", "--cpu", "0.5"}, "--cpu goes with --devices"},
    {64,
     {"run", "street.yaml", "-d", "40000"},
     "brume: 40000 devices: 1 to 200 can be emulated\n"},
    {64,
     {"run", "street.yaml", "-d", "2", "--cpu", "fast"},
     "brume: --cpu: 'fast' is not a number of cores from 0.001 to 1024, as 0.3 or 300m\n"},
    {64,
     {"run", "street.yaml", "-d", "2", "--link", "1bit/s"},
     "brume: --link: '1bit/s' is not a rate from 1kbit/s to 100Gbit/s, as 100Mbit/s\n"},
    {64, {"run", "street.yaml", "--frames", "-1"}, "--frames takes a whole number from 1"},
    {64, {"run", "street.yaml", "--duration", "soon"}, "--duration soon is not understood"},
    {64,
     {"run", "street.yaml", "--duration", "0s"},
     "brume: --duration 0s: a run takes more than no time, and a year at the most\n"},
    {64, {"run", "street.yaml", "--duration", "1e300h"}, "--duration 1e300h: a run takes"},
    {64, {"run", "street.yaml", "--cut", "a"}, "--cut takes rising layer numbers like 4,9"},
    {64, {"run", "street.yaml", "--cut", "5,4"}, "--cut takes rising layer numbers like 4,9"},
    {64, {"run", "street.yaml", "--place", "out=mars"}, "there is no device 'mars'"},
    {64, {"run", "street.yaml", "--place", "in=device-1"}, "there is no operator 'in'"},
    {64,
     {"run", "street.yaml", "--testbed", "lab.yaml", "--duration", "soon"},
     "--duration soon is not understood"},
    {65,
     {"run", "street.yaml", "--testbed", "pictures/one.jpg"},
     "brume: pictures/one.jpg:1:1: "},
    {66, {"run", "street.yaml", "--testbed", "none.yaml"}, "cannot open 'none.yaml'"},
    {66, {"plan", "."}, "brume: '.' is a folder, not a file\n"},
    {66, {"run", "nothing.yaml"}, "cannot open 'nothing.yaml': No such file or directory"},
};

static void wrong_options_are_refused(void **state)
{
    (void)state;
    cleanup(memory_free) char *out = NULL;
    cleanup(memory_free) char *err = NULL;

    add_pictures();
    scenario_write("street.yaml", "%s", HEAD CAMERA SINK("camera"));
    assert_int_equal(mkfifo("pipe", 0600), 0);
    for (size_t i = 0; i < sizeof(mistakes) / sizeof(*mistakes); i++) {
        scenario_run(mistakes[i].code, &out, &err, mistakes[i].arguments);
        if (strstr(err, mistakes[i].sentence) == NULL) {
            fail_msg("'%s' is not in: %s", mistakes[i].sentence, err);
        }
        assert_string_equal(out, "");
    }
}

static void a_library_that_is_not_here_is_told_with_what_helps(void **state)
{
    (void)state;
    cleanup(memory_free) char *out = NULL;
    cleanup(memory_free) char *err = NULL;
    const char *plugins = getenv("BRUME_PLUGINS"); /* NOLINT(concurrency-mt-unsafe) */
    cleanup(memory_free) char *before = memory_text(plugins != NULL ? plugins : "");
    cleanup(memory_free) char *folders = memory_format("broken:%s", before);

    add_pictures();
    scenario_write("street.yaml", "%s", HEAD CAMERA PICTURE SINK("picture"));
    assert_int_equal(mkdir("broken", 0700), 0);
    scenario_write("broken/operator-decode.so", "no library");
    setenv("BRUME_PLUGINS", folders, 1); /* NOLINT(concurrency-mt-unsafe) */
    SCENARIO_RUN(69, &out, &err, "run", "street.yaml", "--devices", "1");
    setenv("BRUME_PLUGINS", before, 1); /* NOLINT(concurrency-mt-unsafe) */
    assert_non_null(strstr(err, "brume: street.yaml:7:29: operator 'decode': "));
    assert_non_null(strstr(err, "(`brume doctor` tells what mends it)\n"));
}

static void a_device_too_small_for_the_network_is_told(void **state)
{
    (void)state;
    cleanup(memory_free) char *out = NULL;
    cleanup(memory_free) char *err = NULL;

    scenario_needs_root();
    scenario_detector("small", "/usr/share/darknet/data/*.jpg", false, "");
    SCENARIO_RUN(69, &out, &err, "run", "small.yaml", "--devices", "2", "--memory", "8M");
    assert_non_null(strstr(err, "and no device that may run it has as much"));
    assert_string_equal(out, "");
}

static void a_sink_that_cannot_be_opened_ends_the_run(void **state)
{
    (void)state;
    cleanup(memory_free) char *out = NULL;
    cleanup(memory_free) char *err = NULL;

    add_pictures();
    scenario_write("street.yaml", "%s",
                   HEAD CAMERA "    - { name: out, use: json-sink, in: [camera], "
                               "with: { path: /proc/none/lines.json } }\n");
    SCENARIO_RUN(73, &out, &err, "run", "street.yaml", "--devices", "1", "--json");
    assert_string_equal(err, "brume: stage 'out-1' on device-1: out: cannot make folder "
                             "'/proc/none': No such file or directory\n");
    assert_string_equal(out, "");
}

static void a_sink_that_refuses_its_frames_fails_the_run(void **state)
{
    (void)state;
    cleanup(memory_free) char *out = NULL;
    cleanup(memory_free) char *err = NULL;

    add_pictures();
    scenario_write("street.yaml", "%s",
                   HEAD CAMERA "    - { name: out, use: json-sink, in: [camera], "
                               "with: { path: /dev/full } }\n");
    SCENARIO_RUN(74, &out, &err, "run", "street.yaml", "--devices", "1", "--json");
    assert_non_null(strstr(err, "warning: 'out' refused a frame: "));
    assert_non_null(
        strstr(err, "/one.jpg: cannot write '/dev/full': No space left on device\n"));
    assert_non_null(strstr(err, "brume: 1 of 1 frames were not delivered: an operator refused "
                                "them, and said why above\n"));
    cleanup(json_decrefp) json_t *report = scenario_json(out);
    assert_int_equal(
        json_integer_value(json_object_get(json_object_get(report, "frames"), "lost")), 1);
}

static void write_picture(const char *path)
{
    cleanup(memory_free) char *bytes = scenario_read("/usr/share/darknet/data/dog.jpg");
    FILE *file = fopen(path, "wb");
    struct stat status;

    assert_int_equal(stat("/usr/share/darknet/data/dog.jpg", &status), 0);
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, (size_t)status.st_size, file), status.st_size);
    fclose(file);
}

static void pictures_that_cannot_be_decoded_are_told_and_no_success(void **state)
{
    (void)state;
    cleanup(memory_free) char *out = NULL;
    cleanup(memory_free) char *err = NULL;
    cleanup(memory_free) char *here = getcwd(NULL, 0);
    cleanup(memory_free) char *why =
        memory_format("%s/mixed/a.jpg: neither a JPEG nor a PNG (0 bytes)", here);
    cleanup(memory_free) char *warning =
        memory_format("warning: 'picture' refused a frame: %s\n"
                      "brume: 2 frames were refused on the way, and arrived empty\n",
                      why);

    scenario_needs("/usr/share/darknet/data/dog.jpg");
    assert_int_equal(mkdir("mixed", 0700), 0);
    scenario_write("mixed/a.jpg", "%s", "");
    write_picture("mixed/b.jpg");
    scenario_write("mixed/c.jpg", "no picture");
    scenario_write("mixed.yaml", HEAD "  operators:\n    - { name: camera, use: image-source, "
                                      "with: { path: mixed } }\n" PICTURE SINK("picture"));
    /* Of several replicas any may be the first to refuse one. */
    SCENARIO_RUN(65, &out, &err, "run", "mixed.yaml", "--replicas", "off", "--json");
    assert_string_equal(err, warning);
    cleanup(json_decrefp) json_t *report = scenario_json(out);
    scenario_assert_frames(report, 3, 3);
    const json_t *refused = json_array_get(json_object_get(report, "refused"), 0);
    assert_string_equal(json_string_value(json_object_get(refused, "operator")), "picture");
    assert_int_equal(json_integer_value(json_object_get(refused, "frames")), 2);
    assert_string_equal(json_string_value(json_object_get(refused, "first")), why);
}

static void a_run_without_a_single_picture_is_refused_at_its_line(void **state)
{
    (void)state;
    cleanup(memory_free) char *out = NULL;
    cleanup(memory_free) char *err = NULL;

    add_pictures();
    scenario_write("none.yaml", "%s", HEAD CAMERA PICTURE SINK("picture"));
    SCENARIO_RUN(65, &out, &err, "profile", "none.yaml");
    assert_non_null(strstr(err, "brume: none.yaml:7: 'picture' cannot be measured: "));
    assert_non_null(strstr(err, "/pictures/one.jpg: neither a JPEG nor a PNG (28 bytes)\n"));
}

static void a_source_that_has_no_frame_for_an_hour_is_estimated(void **state)
{
    (void)state;
    cleanup(memory_free) char *out = NULL;
    cleanup(memory_free) char *err = NULL;

    scenario_write("lazy.yaml", HEAD "  operators:\n    - { name: clock, use: lazy-source, "
                                     "with: { first: 1h } }\n" SINK("clock"));
    SCENARIO_RUN(0, &out, &err, "plan", "lazy.yaml");
    assert_non_null(strstr(out, "2 times are estimates, for want of a profile"));
}

static void a_stage_that_never_says_hello_is_named(void **state)
{
    (void)state;
    cleanup(memory_free) char *out = NULL;
    cleanup(memory_free) char *err = NULL;

    scenario_write("noise.yaml", "%s",
                   HEAD
                   "  operators:\n    - { name: noise, use: noise-source, with: { seed: 77 "
                   "} }\n" SINK("noise"));
    scenario_write("mute", "#!/bin/sh\nexec sleep 1000\n");
    assert_int_equal(chmod("mute", 0700), 0);
    setenv("BRUME_STAGE", "./mute", 1);  /* NOLINT(concurrency-mt-unsafe) */
    setenv("BRUME_PATIENCE", "10ms", 1); /* NOLINT(concurrency-mt-unsafe) */
    SCENARIO_RUN(69, &out, &err, "profile", "noise.yaml", "--devices", "1");
    unsetenv("BRUME_PATIENCE"); /* NOLINT(concurrency-mt-unsafe) */
    unsetenv("BRUME_STAGE");    /* NOLINT(concurrency-mt-unsafe) */
    assert_string_equal(err, "brume: measuring on device-1: stage 'measure' was started, and "
                             "has not said hello in 0.01 s\n");
}

/* It dies of its first frame in each of its lives: starting it for ever helps nobody. */
static void a_stage_that_gets_nowhere_is_given_up(void **state)
{
    (void)state;
    cleanup(memory_free) char *out = NULL;
    cleanup(memory_free) char *err = NULL;

    add_pictures();
    scenario_write("street.yaml", "%s", HEAD CAMERA SINK("camera"));
    assert_int_equal(mkdir("memory", 0700), 0);
    assert_int_equal(symlink("/dev/full", "memory/out.mark"), 0);
    SCENARIO_RUN(73, &out, &err, "run", "street.yaml", "--devices", "1", "--state", "memory",
                 "--json");
    assert_non_null(strstr(err, "brume: stage 'out-1' on device-1: "));
    assert_non_null(strstr(err, "/memory/out.mark: cannot be written: No space left on device; "
                                "it died 5 times in a row with no frame done\n"));
    assert_string_equal(out, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(wrong_manifests_are_refused_before_anything_starts,
                                        forbid_stages, allow_stages),
        cmocka_unit_test(wrong_options_are_refused),
        cmocka_unit_test(a_library_that_is_not_here_is_told_with_what_helps),
        cmocka_unit_test(a_device_too_small_for_the_network_is_told),
        cmocka_unit_test(a_sink_that_cannot_be_opened_ends_the_run),
        cmocka_unit_test(a_sink_that_refuses_its_frames_fails_the_run),
        cmocka_unit_test(pictures_that_cannot_be_decoded_are_told_and_no_success),
        cmocka_unit_test(a_run_without_a_single_picture_is_refused_at_its_line),
        cmocka_unit_test(a_source_that_has_no_frame_for_an_hour_is_estimated),
        cmocka_unit_test(a_stage_that_never_says_hello_is_named),
        cmocka_unit_test(a_stage_that_gets_nowhere_is_given_up),
    };

    return cmocka_run_group_tests_name("refusals", tests, scenario_make, scenario_remove);
}
