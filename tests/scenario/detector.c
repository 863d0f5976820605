/* The main job of brume, as its user sees it: a network is cut over devices, photographs stream
 * through, and what comes out is what the whole network finds. */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "fixture/scenario.h"

#define PICTURES "/usr/share/darknet/data/*.jpg"

/* Where a person sees it in dog.jpg, in pixels. */
static const struct thing {
    const char *label;
    double x, y, width, height;
} things[] = {
    {"Dog", 124, 223, 189, 320},
    {"Bicycle", 119, 120, 450, 317},
    {"Car", 469, 74, 223, 97},
};

static double number(const json_t *object, const char *key)
{
    return json_number_value(json_object_get(object, key));
}

static double overlap(double from, double size, double other_from, double other_size)
{
    return fmax(0, fmin(from + size, other_from + other_size) - fmax(from, other_from));
}

/* Intersection over union. */
static double likeness(const struct thing *thing, const json_t *box)
{
    double width = number(box, "width"), height = number(box, "height");
    double both = overlap(thing->x, thing->width, number(box, "x"), width) *
                  overlap(thing->y, thing->height, number(box, "y"), height);

    return both / (thing->width * thing->height + width * height - both);
}

static void assert_found(const json_t *boxes, const struct thing *thing)
{
    double best = 0;
    size_t i;
    json_t *box;

    json_array_foreach(boxes, i, box)
    {
        if (strcmp(json_string_value(json_object_get(box, "label")), thing->label) == 0) {
            best = fmax(best, likeness(thing, box));
        }
    }
    if (best < 0.7) {
        fail_msg("no %s where it is: the best overlap is %.2f", thing->label, best);
    }
}

/* Every key that the report promises, and no empty list where there is something to tell. */
static void assert_complete(json_t *report)
{
    const char *application;
    double seconds, rate, p50, p90, p99, predicted_rate, predicted_latency;
    json_t *stages, *links, *failures;
    json_int_t accepted, delivered, lost, duplicated;

    assert_int_equal(
        json_unpack(report,
                    "{s:s, s:F, s:{s:I, s:I, s:I, s:I}, s:F, s:{s:F, s:F, s:F}, s:{s:F, s:F}, "
                    "s:o, s:o, s:o}",
                    "application", &application, "seconds", &seconds, "frames", "accepted",
                    &accepted, "delivered", &delivered, "lost", &lost, "duplicated",
                    &duplicated, "rate", &rate, "latency_ms", "p50", &p50, "p90", &p90, "p99",
                    &p99, "predicted", "rate", &predicted_rate, "latency_ms",
                    &predicted_latency, "stages", &stages, "links", &links, "failures",
                    &failures),
        0);
    assert_true(seconds > 0 && rate > 0 && predicted_rate > 0 && predicted_latency > 0);
    assert_true(p50 > 0 && p50 <= p90 && p90 <= p99);
    if (json_array_size(failures) > 0) {
        cleanup(memory_free) char *text = json_dumps(failures, JSON_COMPACT);
        fail_msg("nobody was killed: %s", text);
    }
}

/* The parts of the network follow each other from layer to layer, each on a stage of its own.
 */
static size_t assert_cut_over_devices(const json_t *report)
{
    const json_t *stages = json_object_get(report, "stages");
    cleanup(json_decrefp) json_t *devices = json_object();
    int from, to, end = 0;
    size_t i, n_parts = 0;
    json_t *stage;

    json_array_foreach(stages, i, stage)
    {
        const char *name, *device;
        json_t *cut, *operators;
        double rate, busy, cpu, memory, predicted;
        assert_int_equal(json_unpack(stage, "{s:s, s:s, s:o, s:o, s:F, s:F, s:F, s:F, s:F}",
                                     "name", &name, "device", &device, "operators", &operators,
                                     "cut", &cut, "rate", &rate, "busy", &busy, "cpu", &cpu,
                                     "rss_mb", &memory, "predicted_busy", &predicted),
                         0);
        assert_true(json_array_size(operators) > 0);
        assert_true(rate > 0 && busy > 0 && memory > 0);
        json_object_set_new(devices, device, json_true());
        if (json_unpack(cut, "[ii]", &from, &to) == 0) {
            assert_int_equal(from, end);
            assert_true(to > from);
            end = to;
            n_parts++;
        }
    }
    assert_true(json_object_size(devices) > 1);
    return n_parts;
}

static void assert_links_carry(const json_t *report, json_int_t frames)
{
    const json_t *links = json_object_get(report, "links");
    size_t i;
    json_t *link;

    assert_true(json_array_size(links) > 0);
    json_array_foreach(links, i, link)
    {
        const char *from, *to;
        json_int_t bytes, n;
        assert_int_equal(json_unpack(link, "{s:s, s:s, s:I, s:I}", "from", &from, "to", &to,
                                     "bytes", &bytes, "frames", &n),
                         0);
        assert_string_not_equal(from, to);
        assert_int_equal(n, frames);
        assert_true(bytes > n);
    }
}

static void a_detector_runs_over_three_devices_and_finds_the_dog(void **state)
{
    (void)state;
    cleanup(memory_free) char *out = NULL;
    cleanup(memory_free) char *lines = NULL;
    cleanup(memory_free) char *err = NULL;

    scenario_detector("dog", "/usr/share/darknet/data/dog.jpg", true, "");
    SCENARIO_RUN(0, &out, &err, "run", "dog.yaml", "--devices", "3", "--cpu", "0.5",
                 "--replicas", "off", "--cut", "49,120", "--frames", "12", "--json");
    cleanup(json_decrefp) json_t *report = scenario_json(out);
    assert_complete(report);
    scenario_assert_frames(report, 12, 12);
    assert_int_equal(assert_cut_over_devices(report), 3);
    assert_links_carry(report, 12);
    scenario_assert_sequences("dog.json", 12);

    lines = scenario_read("dog.json");
    *strchr(lines, '\n') = '\0';
    cleanup(json_decrefp) json_t *line = scenario_json(lines);
    for (size_t i = 0; i < sizeof(things) / sizeof(*things); i++) {
        assert_found(json_object_get(line, "boxes"), &things[i]);
    }
}

/* Without what differs from run to run. */
static json_t *read_answers(const char *name)
{
    cleanup(memory_free) char *text = scenario_read(name);
    json_t *answers = json_array();
    char *rest = text;

    for (char *line; (line = strsep(&rest, "\n")) != NULL && *line != '\0';) {
        json_t *json = scenario_json(line);
        assert_int_equal(json_object_del(json, "captured"), 0);
        assert_int_equal(json_object_del(json, "run"), 0);
        json_array_append_new(answers, json);
    }
    return answers;
}

static void the_answers_are_the_same_wherever_the_network_is_cut(void **state)
{
    (void)state;
    static const char *const cuts[] = {"5", "49", "120,201", "240"};
    cleanup(memory_free) char *out = NULL;
    cleanup(memory_free) char *err = NULL;

    scenario_detector("cuts", PICTURES, false, "");
    SCENARIO_RUN(0, &out, &err, "run", "cuts.yaml", "--devices", "3", "--cpu", "0.5",
                 "--replicas", "off", "--cut", "none");
    cleanup(json_decrefp) json_t *whole = read_answers("cuts.json");
    assert_true(json_array_size(whole) > 1);
    for (size_t i = 0; i < sizeof(cuts) / sizeof(*cuts); i++) {
        SCENARIO_RUN(0, &out, &err, "run", "cuts.yaml", "--devices", "3", "--cpu", "0.5",
                     "--replicas", "off", "--cut", cuts[i]);
        cleanup(json_decrefp) json_t *parts = read_answers("cuts.json");
        if (!json_equal(parts, whole)) {
            fail_msg("cut at %s, the answers differ", cuts[i]);
        }
    }
}

/* Bytes that went over links, per frame. */
static double traffic(const json_t *report)
{
    double bytes = 0;
    size_t i;
    json_t *link;

    json_array_foreach(json_object_get(report, "links"), i, link)
    {
        bytes += number(link, "bytes");
    }
    return bytes / number(json_object_get(report, "frames"), "delivered");
}

static json_t *run_over_a_slow_link(const char *link, const char *codec)
{
    cleanup(memory_free) char *out = NULL, *err = NULL, *found = NULL;
    cleanup(memory_free) char *text = NULL;

    scenario_detector("packed", "/usr/share/darknet/data/dog.jpg", true, "");
    text = scenario_read("packed.yaml");
    char *at = strstr(text, "      use: model\n");
    assert_non_null(at);
    scenario_write("packed.yaml", "%.*s      link: %s\n%s", (int)(at - text), text, link, at);
    SCENARIO_RUN(0, &out, &err, "run", "packed.yaml", "--devices", "2", "--cpu", "0.5",
                 "--link", "5Mbit/s", "--replicas", "off", "--cut", "none", "--place",
                 "fit=device-1", "--place", "boxes=device-2", "--codec", codec, "--frames", "6",
                 "--json");
    found = scenario_read("packed.json");
    *strchr(found, '\n') = '\0';
    cleanup(json_decrefp) json_t *line = scenario_json(found);
    for (size_t i = 0; i < sizeof(things) / sizeof(*things); i++) {
        assert_found(json_object_get(line, "boxes"), &things[i]);
    }
    cleanup(memory_free) char *pack = memory_format("-%s\"", codec);
    assert_true((strstr(out, pack) != NULL) == (strcmp(codec, "none") != 0));
    return scenario_json(out);
}

static void tensors_that_cross_a_slow_link_packed_still_find_the_dog(void **state)
{
    (void)state;
    scenario_needs_root();
    cleanup(json_decrefp) json_t *exact = run_over_a_slow_link("exact", "none");
    cleanup(json_decrefp) json_t *zstd = run_over_a_slow_link("exact", "zstd");
    cleanup(json_decrefp) json_t *bytes = run_over_a_slow_link("u8", "u8");

    scenario_assert_frames(zstd, 6, 6);
    scenario_assert_frames(bytes, 6, 6);
    assert_true(traffic(zstd) < traffic(exact));
    assert_true(traffic(bytes) < traffic(exact) / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_detector_runs_over_three_devices_and_finds_the_dog),
        cmocka_unit_test(the_answers_are_the_same_wherever_the_network_is_cut),
        cmocka_unit_test(tensors_that_cross_a_slow_link_packed_still_find_the_dog),
    };

    return cmocka_run_group_tests_name("detector", tests, scenario_make, scenario_remove);
}
