/* Every mistake that a manifest can hold, and the sentence that the user reads. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/test.h"
#include "base/test_folder.h"
#include "graph/manifest_fixture.h"

static int fixture_make(void **state)
{
    return test_folder_make(state) < 0 ? -1 : fixture_write_files();
}

/* The street with `old` replaced by `new` must give `sentence`, behind "apps/t.yaml:". */
struct mistake {
    const char *old, *new, *sentence;
};

static void check_mistakes(const struct mistake *mistakes)
{
    for (; mistakes->old != NULL; mistakes++) {
        cleanup(memory_free) char *wanted = memory_format("apps/t.yaml:%s", mistakes->sentence);
        struct graph *graph = NULL;
        struct error err = {0};

        int code = fixture_parse(mistakes->old, mistakes->new, &graph, &err);
        assert_string_equal(err.text, wanted);
        assert_true(code < 0);
        assert_int_equal(code, err.code);
        assert_null(graph);
    }
}

static void a_wrong_form_is_shown_where_it_stands(void **state)
{
    static const struct mistake mistakes[] = {
        {"v1alpha1", "v2",
         "1:13: 'apiVersion' may not be 'brume.dev/v2', only brume.dev/v1alpha1"},
        {"Application", "App", "2:7: 'kind' may not be 'App', only Application"},
        {"kind: Application\n", "", "1:1: key 'kind' is missing (Application)"},
        {"metadata", "metadat", "3:1: unknown key 'metadat' (did you mean 'metadata'?)"},
        {"{ name: street }", "street", "3:11: 'metadata' must be a map, not a text"},
        {"{ name: street }", "{}",
         "3:11: key 'name' is missing in 'metadata' (a name of a-z, 0-9 and -)"},
        {"name: street", "name: Street 1",
         "3:19: the application's name 'Street 1' must be 1 to 63 of a-z, 0-9 and -, with "
         "neither end a -"},
        {"objective: latency", "objective: speed",
         "5:14: 'objective' may not be 'speed', only throughput|latency|traffic"},
        {"rate: 300/min", "rate: 300",
         "6:16: 'rate' must be a rate above 0 such as 5/s or 300/min, not '300'"},
        {"rate: 300/min", "rate: 0/s",
         "6:16: 'rate' must be a rate above 0 such as 5/s or 300/min, not '0/s'"},
        {"latency: 2s", "latency: 2 s",
         "6:34: 'latency' must be a duration above 0 such as 2s or 100ms, not '2 s'"},
        {"latency: 2s", "latence: 2s",
         "6:25: unknown key 'latence' in 'qos' (did you mean 'latency'?)"},
        {"in: [camera]", "in: camera",
         "13:41: 'in' must be a list of operators such as [picture, boxes], not a text"},
        {"in: [camera]", "in: [[camera]]",
         "13:42: the items of 'in' must each be a text, not a list"},
        {"in: [fit]", "inn: [fit]",
         "17:7: unknown key 'inn' in 'operators' (did you mean 'in'?)"},
        {"      use: model\n", "",
         "15:7: key 'use' is missing in 'operators' (an operator from `brume operators`)"},
        {"kind:", "kind: Application\nkind:", "3:1: key 'kind' is there already, in line 2"},
        {"apiVersion", "\tapiVersion",
         "1:1: not YAML: found character that cannot start any "
         "token while scanning for the next token"},
        {0}};

    (void)state;
    check_mistakes(mistakes);
}

static void an_operator_is_known_and_named_once(void **state)
{
    static const struct mistake mistakes[] = {
        {"use: yolo", "use: yolo9", "21:27: unknown operator 'yolo9' (did you mean 'yolo'?)"},
        {"use: yolo", "use: segmentation",
         "21:27: unknown operator 'segmentation' (`brume operators` lists them)"},
        {"use: yolo", "use: broken",
         "21:27: operator 'broken': broken.so was built for another version"},
        {"name: fit", "name: picture",
         "14:15: there is an operator called 'picture' already, in line 13"},
        {"name: fit", "name: fit.1",
         "14:15: the operator's name 'fit.1' must be 1 to 63 of a-z, 0-9 and -, with neither "
         "end a -"},
        {"name: fit", "name: ''",
         "14:15: the operator's name '' must be 1 to 63 of a-z, 0-9 and -, with neither end "
         "a -"},
        {0}};

    (void)state;
    check_mistakes(mistakes);
}

static void a_parameter_is_what_the_operator_asks_for(void **state)
{
    static const struct mistake mistakes[] = {
        {"size: 416x416", "sizes: 416x416",
         "14:59: 'letterbox' has no parameter 'sizes' (did you mean 'size'?)"},
        {"size: 416x416", "colour: red",
         "14:59: 'letterbox' has no parameter 'colour' (`brume operators letterbox` lists "
         "them)"},
        {"in: [camera]", "in: [camera], with: { a: 1 }", "13:59: 'decode' has no parameters"},
        {", with: { size: 416x416 }", "",
         "14:7: 'letterbox' needs the parameter 'size' (of the result)"},
        {"size: 416x416", "filter: nearest",
         "14:57: 'letterbox' needs the parameter 'size' (of the result)"},
        {"416x416", "416",
         "14:65: 'size' must be width x height in pixels such as 416x416, not '416'"},
        {"416x416", "[416, 416]", "14:65: 'size' must be a single value, not a list"},
        {"416x416", "416x416, filter: nearst",
         "14:82: 'filter' must be one of nearest|bilinear, not 'nearst' (did you mean "
         "'nearest'?)"},
        {"repeat: true", "repeat: yes", "11:43: 'repeat' must be true or false, not 'yes'"},
        {"threshold: 0.5", "threshold: 1.5",
         "21:66: 'threshold' must be between 0 and 1, not 1.5"},
        {"threshold: 0.5", "threshold: { a: 1 }",
         "21:66: 'threshold' must be a single value, not a map"},
        {"[1, 2.5, 3]", "[1, x]", "18:39: 'mean' must be a list of numbers, not '1,x'"},
        {"[1, 2.5, 3]", "[1, [2]]", "18:43: 'mean' must be a list of numbers"},
        {"with: { path: out }", "with: { path: '' }", "8:64: 'path' is empty"},
        {0}};

    (void)state;
    check_mistakes(mistakes);
}

static void a_file_must_be_there_and_the_places_are_told(void **state)
{
    char wanted[256];
    const struct mistake mistakes[] = {{"yolox.onnx", "yolo.onnx", wanted}, {0}};
    static const struct mistake absolute[] = {
        {"yolox.onnx", "/nowhere/x.onnx", "18:21: 'file': there is no '/nowhere/x.onnx'"}, {0}};

    (void)state;
    snprintf(wanted, sizeof(wanted),
             "18:21: 'file': there is no 'yolo.onnx' in %s/apps, BRUME_MODELS (not set), "
             "/nowhere/models",
             test_folder);
    check_mistakes(mistakes);
    check_mistakes(absolute);
}

/* Who may write an object in a cluster is not to read what the controller can. */
static void a_stranger_reads_what_lies_below_and_nothing_else(void **state)
{
    static const struct {
        const char *path;
        int code;
    } reads[] = {
        {"a.jpg", 0},
        {"*.jpg", 0},
        {"./a.jpg", 0},
        {"*/../a.jpg", -EACCES},
        {"../yolox.onnx", -EACCES},
        {"/etc/passwd", -EACCES},
        {".*/yolox.onnx", -EACCES},
        {".?/*", -EACCES},
        {"\\.\\./*", -EACCES},
        {"[.]./yolox.onnx", -ENOENT},
        {"b.jpg", -ENOENT},
        {"..", -EACCES},
    };
    struct manifest_catalog catalog = fixture_catalog;

    (void)state;
    catalog.confined = true;
    for (size_t i = 0; i < sizeof(reads) / sizeof(*reads); i++) {
        cleanup(memory_free) char *text = memory_format(
            "apiVersion: brume.dev/v1alpha1\nkind: Application\nmetadata: { name: t }\nspec:\n"
            "  operators:\n    - { name: a, use: image-source, with: { path: '%s' } }\n"
            "    - { name: b, use: null-sink, in: [a] }\n",
            reads[i].path);
        cleanup(graph_destroyp) struct graph *graph = NULL;
        struct error err = {0};
        int code =
            manifest_parse("apps/street/t.yaml", text, strlen(text), &catalog, &graph, &err);

        if (code != reads[i].code) {
            fail_msg("'%s': %d, %s", reads[i].path, code, err.text);
        }
    }
}

static void a_glob_or_a_folder_must_give_something(void **state)
{
    char pattern[256], folder[256];
    const struct mistake mistakes[] = {
        {"street/*.jpg", "street/*.png", pattern}, {"street/*.jpg", "empty", folder}, {0}};

    (void)state;
    snprintf(pattern, sizeof(pattern),
             "11:21: 'path': there is no 'street/*.png' in %s/apps, BRUME_MODELS (not set), "
             "/nowhere/models",
             test_folder);
    snprintf(folder, sizeof(folder),
             "11:21: 'path': there is no 'empty' in %s/apps, BRUME_MODELS (not set), "
             "/nowhere/models",
             test_folder);
    check_mistakes(mistakes);
}

static void edges_lead_to_outputs_of_the_right_kind(void **state)
{
    static const struct mistake mistakes[] = {
        {"in: [camera]", "in: [camra]",
         "13:42: there is no operator called 'camra' (did you mean 'camera'?)"},
        {"in: [camera]", "in: [lidar]", "13:42: there is no operator called 'lidar'"},
        {"in: [camera]", "in: [out]", "13:42: 'out' is a sink: it gives nothing to read"},
        {"in: [camera]", "in: []", "13:41: 'picture' has 1 input (jpeg), but 'in' names 0"},
        {"boxes.scores", "boxes.score",
         "23:40: 'boxes' has no output 'score' (did you mean 'scores'?)"},
        {"boxes.scores", "boxes.x", "23:40: 'boxes' has no output 'x' (its first is 'boxes')"},
        {"boxes.scores", "boxes.", "23:40: 'boxes' has no output '' (its first is 'boxes')"},
        {"boxes.scores", "boxes",
         "23:40: 'boxes' gives boxes, but input 'value' of 'mean' takes a value"},
        {"[picture, boxes]", "[boxes, picture]",
         "22:38: 'boxes' gives boxes, but input 'picture' of 'drawn' takes a picture"},
        {"in: [fit]", "in: [camera]",
         "17:12: 'camera' gives bytes, but input 'picture' of 'detect' takes a picture"},
        {"[picture, boxes]", "[picture]",
         "22:37: 'drawn' has 2 inputs (picture, boxes), but 'in' names 1"},
        {", in: [mean]", "", "24:7: 'end' has 1 input (anything), but 'in' names 0"},
        {"use: image-source", "use: image-source\n      in: [fit]",
         "11:11: 'camera' is a source: it has no 'in'"},
        {0}};

    (void)state;
    check_mistakes(mistakes);
}

static void a_cycle_is_spelled_out(void **state)
{
    static const struct mistake mistakes[] = {
        {"    - { name: end, use: null-sink, in: [mean] }\n",
         "    - { name: a, use: pass, in: [c] }\n    - { name: b, use: pass, in: [a] }\n"
         "    - { name: c, use: pass, in: [b] }\n    - { name: end, use: null-sink, in: [c] "
         "}\n",
         "24:15: the operators go round in a circle: a -> b -> c -> a"},
        {"in: [mean] }", "in: [me] }\n    - { name: me, use: pass, in: [me] }",
         "25:15: the operators go round in a circle: me -> me"},
        {"in: [picture], with", "in: [drawn], with",
         "14:15: the operators go round in a circle: fit -> detect -> boxes -> drawn -> fit"},
        {0}};

    (void)state;
    check_mistakes(mistakes);
}

static void what_nobody_reads_is_refused(void **state)
{
    static const struct mistake mistakes[] = {
        {"    - { name: end, use: null-sink, in: [mean] }\n", "",
         "23:15: nobody reads 'mean', and it is not a sink (null-sink takes anything)"},
        {0}};

    (void)state;
    check_mistakes(mistakes);
}

static void pins_are_checked_before_the_planner_sees_them(void **state)
{
    static const struct mistake mistakes[] = {
        {"cut: [12, 30]", "cut: []", "19:12: 'cut' may list 1 to 256 cuts, not 0"},
        {"cut: [12, 30]", "cut: [12, 12]",
         "19:17: a cut must be a whole number from 13 to 65535, not '12'"},
        {"cut: [12, 30]", "cut: [0]",
         "19:13: a cut must be a whole number from 1 to 65535, not '0'"},
        {"cut: [12, 30]", "cut: non", "19:12: 'cut' may not be 'non' (did you mean 'none'?)"},
        {"cut: [12, 30]", "cut: { at: 1 }",
         "19:12: 'cut' must be auto, none or a list of cuts such as [12, 30], not a map"},
        {"in: [camera]", "in: [camera], cut: none",
         "13:56: only an operator with `use: model` has a 'cut'"},
        {"replicas: 4", "replicas: 65",
         "20:17: 'replicas' must be auto, off or a whole number from 1 to 64, not '65'"},
        {"replicas: off", "replicas: 2",
         "23:65: 'average' must see every frame in order: it cannot have replicas"},
        {"night-sight", "Night",
         "12:27: the word 'Night' must be 1 to 63 of a-z, 0-9 and -, with neither end a -"},
        {"pi-1.local", "pi/1",
         "12:49: 'device' must be a name of a-z, 0-9, - and ., not 'pi/1'"},
        {0}};

    (void)state;
    check_mistakes(mistakes);
}

static void the_operators_own_check_has_the_last_word(void **state)
{
    static const struct mistake mistakes[] = {
        {"in: [mean] }",
         "in: [odd] }\n    - { name: odd, use: odd, in: [mean], "
         "with: { count: 4 } }",
         "25:15: operator 'odd': 'count' must be odd, not 4"},
        {0}};

    (void)state;
    check_mistakes(mistakes);
}

static void too_many_operators_are_refused(void **state)
{
    cleanup(memory_free) char *text = memory_new(1, 20000);
    struct graph *graph = NULL;
    struct error err = {0};
    char *end = text;

    (void)state;
    end += sprintf(end, "apiVersion: brume.dev/v1alpha1\nkind: Application\n"
                        "metadata: { name: x }\nspec:\n  operators:\n");
    for (int i = 0; i <= GRAPH_OPERATORS_MAX; i++) {
        end += sprintf(end, "  - { name: n%d, use: pass, in: [n%d] }\n", i, i);
    }
    assert_true(manifest_parse("t.yaml", text, strlen(text), &fixture_catalog, &graph, &err) <
                0);
    assert_string_equal(err.text,
                        "t.yaml:6:3: 'operators' must list 1 to 256 operators, not 257");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wrong_form_is_shown_where_it_stands),
        cmocka_unit_test(an_operator_is_known_and_named_once),
        cmocka_unit_test(a_parameter_is_what_the_operator_asks_for),
        cmocka_unit_test(a_file_must_be_there_and_the_places_are_told),
        cmocka_unit_test(a_stranger_reads_what_lies_below_and_nothing_else),
        cmocka_unit_test(a_glob_or_a_folder_must_give_something),
        cmocka_unit_test(edges_lead_to_outputs_of_the_right_kind),
        cmocka_unit_test(a_cycle_is_spelled_out),
        cmocka_unit_test(what_nobody_reads_is_refused),
        cmocka_unit_test(pins_are_checked_before_the_planner_sees_them),
        cmocka_unit_test(the_operators_own_check_has_the_last_word),
        cmocka_unit_test(too_many_operators_are_refused),
    };
    return cmocka_run_group_tests_name("manifest_refused", tests, fixture_make,
                                       test_folder_remove);
}
