/* The commands that need no running application, as typed: what they say, where, and with which
 * exit code. The network is made by one of them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "fixture/scenario.h"

#define NETWORK "small.onnx"

/* `brume ARGUMENTS` ends with the code and says exactly this on standard error, and nothing on
 * the other. */
#define REFUSED(code, sentence, ...) \
    refused(code, sentence, (const char *const[]){__VA_ARGS__, NULL})
static void refused(int code, const char *sentence, const char *const *arguments)
{
    cleanup(memory_free) char *out = NULL;
    cleanup(memory_free) char *err = NULL;

    scenario_run(code, &out, &err, arguments);
    assert_string_equal(err, sentence);
    assert_string_equal(out, "");
}

static char *data_file(const char *name)
{
    return memory_format("%s/%s", secure_getenv("BRUME_TEST_DATA"), name);
}

/* Imports a network of Darknet's with random weights. */
static void make_network(void)
{
    cleanup(memory_free) char *config = data_file("fuzz/model_darknet/detector");
    cleanup(memory_free) char *out = NULL;
    cleanup(memory_free) char *err = NULL;

    SCENARIO_RUN(EX_OK, &out, &err, "model", "import", config, "-o", NETWORK, "--seed", "7");
    assert_string_equal(err, "");
    assert_string_equal(out,
                        "small.onnx: 14 layers of Darknet, 4 convolutions, input 3x9x11, 1 "
                        "output, 2.0 kB of weights (random), 0.00 Gop per picture\n");
}

/* Skips the test when this build has none of the engines named. */
static void need_engine(const char *name, const char *other)
{
    const char *build = secure_getenv("BRUME_BUILD");
    cleanup(memory_free) char *one = memory_format("%s/plugins/engine-%s.so", build, name);
    cleanup(memory_free) char *two = memory_format("%s/plugins/engine-%s.so", build, other);

    if (access(one, R_OK) < 0 && access(two, R_OK) < 0) {
        print_message("skipped: this build has no engine '%s'\n", name);
        skip();
    }
}

static void assert_has(const char *text, const char *part)
{
    if (strstr(text, part) == NULL) {
        fail_msg("'%s' is not in:\n%s", part, text);
    }
}

static void a_wrong_command_gets_the_nearest_right_one(void **state)
{
    (void)state;
    REFUSED(EX_USAGE,
            "brume: there is no command 'modle' (did you mean 'model'?); `brume --help` lists "
            "them\n",
            "modle");
    REFUSED(EX_USAGE,
            "brume model: there is no command 'inspekt' (did you mean 'inspect'?); "
            "`brume model --help` lists them\n",
            "model", "inspekt");
    REFUSED(EX_USAGE, "brume: unknown operator 'yolo9' (did you mean 'yolo'?)\n", "operators",
            "yolo9");
}

static void a_command_that_lacks_something_asks_for_it(void **state)
{
#define MORE(command)                                                          \
    "Try `brume " command " --help' or `brume " command " --usage' for more\n" \
    "information.\n"
    (void)state;
    REFUSED(EX_USAGE, "brume model cut: where to? Say -o DIR\n" MORE("model cut"), "model",
            "cut", "a.onnx", "3");
    REFUSED(EX_USAGE,
            "brume model cut: cuts are rising layer numbers like 4,9, not '9,4'\n" MORE(
                "model cut"),
            "model", "cut", "a.onnx", "9,4", "-o", "parts");
    REFUSED(EX_USAGE,
            "brume model check: --numerics is exact or fast, not 'quick'\n" MORE("model check"),
            "model", "check", "a.onnx", "--numerics", "quick");
    REFUSED(EX_USAGE,
            "brume model import: --seed is for networks without weights\n" MORE("model import"),
            "model", "import", "a.cfg", "a.weights", "-o", "a.onnx", "--seed", "1");
    REFUSED(EX_USAGE,
            "brume operators: --json and --markdown do not go together\n" MORE("operators"),
            "operators", "--json", "--markdown");
#undef MORE
}

static void a_file_that_is_not_there_is_named_with_where_it_was_sought(void **state)
{
    cleanup(memory_free) char *cache = file_cache_folder();
    cleanup(memory_free) char *sentence = memory_format(
        "brume: there is no file 'none.onnx' in ., BRUME_MODELS (not set), %s/models\n", cache);

    (void)state;
    REFUSED(EX_NOINPUT, sentence, "model", "inspect", "none.onnx");
    REFUSED(EX_NOINPUT, "brume: there is no file '/none.onnx' that can be read\n", "model",
            "check", "/none.onnx");
}

static void a_file_that_is_no_model_gives_one_sentence(void **state)
{
    (void)state;
    scenario_write("words.onnx", "These are words.\n");
    scenario_write("words.cfg", "words\n");
    cleanup(memory_free) char *out = NULL;
    cleanup(memory_free) char *err = NULL;
    SCENARIO_RUN(EX_DATAERR, &out, &err, "model", "inspect", "words.onnx");
    assert_has(err, "words.onnx: ");
    assert_ptr_equal(strchr(err, '\n'), err + strlen(err) - 1);
    REFUSED(EX_DATAERR, "brume: words.cfg:1: 'words' is neither a [section] nor key=value\n",
            "model", "import", "words.cfg", "-o", "out.onnx");
    assert_null(file_search(".", "out.onnx"));
}

static void a_picture_that_is_none_is_told(void **state)
{
    (void)state;
    cleanup(memory_free) char *out = NULL;
    cleanup(memory_free) char *err = NULL;

    make_network();
    scenario_write("cut.jpg", "\xff\xd8\xff");
    SCENARIO_RUN(EX_DATAERR, &out, &err, "model", "check", NETWORK, "--image", "cut.jpg");
    assert_has(err, "brume: cut.jpg: ");
}

static void the_list_and_the_reference_of_operators_tell_the_same(void **state)
{
    cleanup(memory_free) char *list = NULL;
    cleanup(memory_free) char *one = NULL;
    cleanup(memory_free) char *json = NULL;
    cleanup(memory_free) char *err = NULL;
    size_t i;
    json_t *type;

    (void)state;
    SCENARIO_RUN(EX_OK, &list, &err, "operators");
    SCENARIO_RUN(EX_OK, &json, &err, "operators", "--json");
    cleanup(json_decrefp) json_t *all = scenario_json(json);
    assert_true(json_array_size(all) >= 13);
    json_array_foreach(all, i, type)
    {
        assert_has(list, json_string_value(json_object_get(type, "name")));
        assert_has(list, json_string_value(json_object_get(type, "summary")));
    }
    SCENARIO_RUN(EX_OK, &one, &err, "operators", "letterbox");
    assert_has(one, "letterbox: scales a picture into a box");
    assert_has(one, "align        centre|top-left          centre ");
    assert_has(one, "size         size                     required");
}

/* docs/operators.md is what the command writes; when operators change, write it anew. */
static void the_page_of_operators_is_up_to_date(void **state)
{
    cleanup(memory_free) char *path = data_file("../../docs/operators.md");
    cleanup(memory_free) char *page = scenario_read(path);
    cleanup(memory_free) char *out = NULL;
    cleanup(memory_free) char *err = NULL;

    (void)state;
    SCENARIO_RUN(EX_OK, &out, &err, "operators", "--markdown");
    if (strstr(out, "## decode\n") == NULL) {
        print_message("skipped: this build has no picture libraries\n");
        skip();
    }
    if (strcmp(page, out) != 0) {
        fail_msg(
            "docs/operators.md is old: build/brume operators --markdown >docs/operators.md");
    }
}

static void an_operator_of_the_user_is_explained(void **state)
{
    cleanup(memory_free) char *out = NULL;
    cleanup(memory_free) char *err = NULL;

    (void)state;
    SCENARIO_RUN(EX_OK, &out, &err, "operators", "blur");
    assert_has(out, "radius");
}

static void an_operator_that_cannot_be_loaded_is_told_of(void **state)
{
    cleanup(memory_free) char *folders = memory_text(secure_getenv("BRUME_OPERATORS"));
    cleanup(memory_free) char *here = file_absolute(".");
    cleanup(memory_free) char *sentence = memory_format(
        "brume: operator 'torn': cannot load %s/torn.so: %s/torn.so: file too short\n", here,
        here);
    cleanup(memory_free) char *list = NULL;
    cleanup(memory_free) char *told = NULL;
    cleanup(memory_free) char *out = NULL;
    cleanup(memory_free) char *err = NULL;

    (void)state;
    need_engine("onnxruntime", "tflite");
    scenario_write("torn.so", "half of\n");
    setenv("BRUME_OPERATORS", here, 1); /* NOLINT(concurrency-mt-unsafe) */
    SCENARIO_RUN(EX_UNAVAILABLE, &list, &told, "operators");
    REFUSED(EX_UNAVAILABLE, sentence, "operators", "torn");
    SCENARIO_RUN(EX_OK, &out, &err, "doctor");
    setenv("BRUME_OPERATORS", folders, 1); /* NOLINT(concurrency-mt-unsafe) */
    assert_has(list, "\nletterbox ");
    assert_string_equal(told, sentence);
    assert_has(out, "  MISSING torn ");
    assert_has(out, "mend it: build the plug-in again, or remove it\n");
}

static void a_doctor_finds_programs_engines_and_devices(void **state)
{
    static const char *const groups[] = {"programs", "engines", "operators",
                                         "models in the cache", "emulated devices"};
    cleanup(memory_free) char *text = NULL;
    cleanup(memory_free) char *out = NULL;
    cleanup(memory_free) char *err = NULL;

    (void)state;
    need_engine("onnxruntime", "tflite");
    SCENARIO_RUN(EX_OK, &text, &err, "doctor", "--json");
    SCENARIO_RUN(EX_OK, &out, &err, "doctor");
    cleanup(json_decrefp) json_t *doctor = scenario_json(text);
    assert_true(json_is_true(json_object_get(doctor, "works")));
    for (size_t i = 0; i < sizeof(groups) / sizeof(*groups); i++) {
        assert_has(out, groups[i]);
    }
    assert_has(out, "  ok      brume-stage ");
}

static void a_network_is_imported_inspected_and_cut(void **state)
{
    cleanup(memory_free) char *text = NULL;
    cleanup(memory_free) char *out = NULL;
    cleanup(memory_free) char *err = NULL;

    (void)state;
    make_network();
    SCENARIO_RUN(EX_OK, &text, &err, "model", "inspect", NETWORK, "--json");
    cleanup(json_decrefp) json_t *model = scenario_json(text);
    assert_int_equal(json_array_size(json_object_get(model, "layers")), 23);
    assert_int_equal(json_array_size(json_object_get(model, "cuts")), 22);

    SCENARIO_RUN(EX_OK, &out, &err, "model", "cut", NETWORK, "3,8", "-o", "parts");
    assert_has(out, "parts/small-0-3.onnx: 3 layers, ");
    assert_has(out, "B\n"
                    "  takes   data float32[1, 3, 9, 11]\n"
                    "  gives   convolutional_0 float32[1, 4, 5, 6]\n"
                    "  gives   maxpool_1 float32[1, 4, 5, 6]\n"
                    "parts/small-3-8.onnx: 5 layers, ");
    assert_has(out, "  gives   yolo_13 float32[1, 14, 3, 3]\n");
    cleanup(memory_free) char *path = file_absolute(NETWORK);
    cleanup(memory_free) char *sentence =
        memory_format("brume: %s cannot be cut before layer 99; the nearest cut is 22\n", path);
    REFUSED(EX_DATAERR, sentence, "model", "cut", NETWORK, "99", "-o", "parts");
}

static void who_cuts_a_tflite_hears_that_each_part_holds_all_weights(void **state)
{
    cleanup(memory_free) char *data = data_file("fuzz/model_tflite/convolution");
    cleanup(memory_free) void *bytes = NULL;
    cleanup(memory_free) char *out = NULL;
    cleanup(memory_free) char *err = NULL;
    struct error error;
    size_t size;

    (void)state;
    assert_int_equal(file_read(data, 1 << 20, &bytes, &size, &error), 0);
    assert_int_equal(file_write("small.tflite", bytes, size, &error), 0);
    SCENARIO_RUN(EX_OK, &out, &err, "model", "cut", "small.tflite", "4", "-o", "parts");
    assert_has(out,
               "\neach part holds all weights of the model; those that it does not use are "
               "not read when it runs\n");
}

static void the_parts_of_a_network_are_models_themselves(void **state)
{
    cleanup(memory_free) char *out = NULL;
    cleanup(memory_free) char *err = NULL;

    (void)state;
    need_engine("onnxruntime", "onnxruntime");
    make_network();
    SCENARIO_RUN(EX_OK, &out, &err, "model", "cut", NETWORK, "8", "-o", "parts");
    SCENARIO_RUN(EX_OK, &out, &err, "model", "check", "parts/small-0-8.onnx");
    assert_has(out, "small-0-8.onnx, exact, one seeded input: 7 cuts, each gives the same bits "
                    "as the whole\n");
    SCENARIO_RUN(EX_OK, &out, &err, "model", "check", "parts/small-8-23.onnx");
    assert_has(out, ", each gives the same bits as the whole\n");
}

static void every_cut_of_a_network_is_checked_or_those_asked_for(void **state)
{
    cleanup(memory_free) char *out = NULL;
    cleanup(memory_free) char *err = NULL;

    (void)state;
    need_engine("onnxruntime", "onnxruntime");
    make_network();
    SCENARIO_RUN(EX_OK, &out, &err, "model", "check", NETWORK, "--json");
    cleanup(json_decrefp) json_t *all = scenario_json(out);
    assert_int_equal(json_array_size(json_object_get(all, "cuts")), 22);
    assert_true(json_is_true(json_object_get(all, "passed")));
    SCENARIO_RUN(EX_OK, &out, &err, "model", "check", NETWORK, "--cuts", "3,8", "--numerics",
                 "fast", "--seed", "5");
    assert_has(out, "small.onnx, fast, one seeded input: 2 cuts, ");
    assert_string_equal(err, "");
}

/* Some builds of an engine keep accounts of their own there, to be sent to their makers. */
static void engines_leave_nothing_in_the_users_home(void **state)
{
    cleanup(memory_free) char *home = file_absolute("home");
    cleanup(memory_free) char *out = NULL;
    cleanup(memory_free) char *err = NULL;
    struct error trouble;

    (void)state;
    need_engine("onnxruntime", "onnxruntime");
    make_network();
    assert_int_equal(file_make_folder(home, &trouble), 0);
    setenv("HOME", home, 1);    /* NOLINT(concurrency-mt-unsafe) */
    unsetenv("XDG_CACHE_HOME"); /* NOLINT(concurrency-mt-unsafe) */
    SCENARIO_RUN(EX_OK, &out, &err, "model", "check", NETWORK, "--cuts", "3");
    if (rmdir(home) < 0) {
        fail_msg("%s is not empty: %s", home, strerrordesc_np(errno));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wrong_command_gets_the_nearest_right_one),
        cmocka_unit_test(a_command_that_lacks_something_asks_for_it),
        cmocka_unit_test(a_file_that_is_not_there_is_named_with_where_it_was_sought),
        cmocka_unit_test(a_file_that_is_no_model_gives_one_sentence),
        cmocka_unit_test(a_picture_that_is_none_is_told),
        cmocka_unit_test(the_list_and_the_reference_of_operators_tell_the_same),
        cmocka_unit_test(the_page_of_operators_is_up_to_date),
        cmocka_unit_test(an_operator_of_the_user_is_explained),
        cmocka_unit_test(an_operator_that_cannot_be_loaded_is_told_of),
        cmocka_unit_test(a_doctor_finds_programs_engines_and_devices),
        cmocka_unit_test(a_network_is_imported_inspected_and_cut),
        cmocka_unit_test(who_cuts_a_tflite_hears_that_each_part_holds_all_weights),
        cmocka_unit_test(the_parts_of_a_network_are_models_themselves),
        cmocka_unit_test(every_cut_of_a_network_is_checked_or_those_asked_for),
        cmocka_unit_test(engines_leave_nothing_in_the_users_home),
    };

    return cmocka_run_group_tests_name("commands", tests, scenario_make, scenario_remove);
}
