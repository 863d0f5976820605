#include "graph/manifest_fixture.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"

static const struct brume_port jpeg[] = {{"jpeg", BRUME_BYTES, "an encoded picture"}, {0}};
static const struct brume_port picture[] = {{"picture", BRUME_PICTURE, "a picture"}, {0}};
static const struct brume_port tensors[] = {{"tensors", BRUME_TENSORS, "tensors"}, {0}};
static const struct brume_port found[] = {
    {"boxes", BRUME_BOXES, "what was found"}, {"scores", BRUME_VALUE, "how sure"}, {0}};
static const struct brume_port picture_and_boxes[] = {
    {"picture", BRUME_PICTURE, "what to draw on"}, {"boxes", BRUME_BOXES, "what to draw"}, {0}};
static const struct brume_port value[] = {{"value", BRUME_VALUE, "numbers"}, {0}};
static const struct brume_port anything[] = {{"anything", BRUME_ANY, "anything"}, {0}};

static const struct brume_param source_params[] = {
    {"path", BRUME_FILES, NULL, "the pictures", NULL, 0, 0},
    {"repeat", BRUME_SWITCH, "false", "begin again", NULL, 0, 0},
    {"rate", BRUME_RATE, "0/s", "how many", NULL, 0, 0},
    {0}};
static const struct brume_param letterbox_params[] = {
    {"size", BRUME_SIZE, NULL, "of the result", NULL, 0, 0},
    {"filter", BRUME_CHOICE, "bilinear", "how", "nearest|bilinear", 0, 0},
    {0}};
static const struct brume_param model_params[] = {
    {"file", BRUME_FILE, NULL, "the model", NULL, 0, 0},
    {"mean", BRUME_NUMBERS, "", "taken off each channel", NULL, 0, 0},
    {"numerics", BRUME_CHOICE, "fast", "how exact", "exact|fast", 0, 0},
    {0}};
static const struct brume_param yolo_params[] = {
    {"labels", BRUME_FILE, "", "names of the classes", NULL, 0, 0},
    {"threshold", BRUME_NUMBER, "0.4", "least score", NULL, 0, 1},
    {0}};
static const struct brume_param sink_params[] = {
    {"path", BRUME_PATH, NULL, "where to write", NULL, 0, 0}, {0}};
static const struct brume_param odd_params[] = {
    {"count", BRUME_INTEGER, "3", "how many", NULL, 0, 8}, {0}};

static const struct brume_operator operators[] = {
    {.name = "image-source", .params = source_params, .outputs = jpeg},
    {.name = "decode", .inputs = jpeg, .outputs = picture},
    {.name = "letterbox", .params = letterbox_params, .inputs = picture, .outputs = picture},
    {.name = "model", .params = model_params, .inputs = picture, .outputs = tensors},
    {.name = "yolo", .params = yolo_params, .inputs = tensors, .outputs = found},
    {.name = "draw", .inputs = picture_and_boxes, .outputs = picture},
    {.name = "average", .inputs = value, .outputs = value, .flags = BRUME_STATEFUL},
    {.name = "pass", .inputs = anything, .outputs = anything},
    {.name = "odd", .params = odd_params, .inputs = anything, .outputs = anything},
    {.name = "image-sink", .params = sink_params, .inputs = picture},
    {.name = "null-sink", .inputs = anything},
};

enum { N_OPERATORS = sizeof(operators) / sizeof(*operators) };

static int find(void *owner, const char *name, const struct brume_operator **ret_type,
                struct error *err)
{
    (void)owner;
    for (size_t i = 0; i < N_OPERATORS; i++) {
        if (strcmp(operators[i].name, name) == 0) {
            *ret_type = &operators[i];
            return 0;
        }
    }
    if (strcmp(name, "broken") == 0) {
        return error_set(err, -ELIBBAD, "broken.so was built for another version");
    }
    return error_set(err, -ENOENT, "no operator '%s'", name);
}

static const char *name_of(void *owner, size_t index)
{
    (void)owner;
    return index < N_OPERATORS ? operators[index].name : NULL;
}

/* An odd count is refused, as an operator's own check would; its inputs must come before it. */
static int check(void *owner, const struct graph *graph, size_t index, struct error *err)
{
    const struct graph_operator *step = &graph->operators[index];
    const char *count = graph_param(step, "count");

    (void)owner;
    if (count != NULL && strpbrk(count, "02468") != NULL) {
        return error_set(err, -EINVAL, "'count' must be odd, not %s", count);
    }
    for (size_t i = 0; i < step->n_inputs; i++) {
        if (step->inputs[i].operator>= index) {
            return error_set(err, -EINVAL, "asked before its input");
        }
    }
    return 0;
}

const struct manifest_catalog fixture_catalog = {.find = find, .name = name_of, .check = check};

const char fixture_street[] =
    "apiVersion: brume.dev/v1alpha1\n"                                              /* 1 */
    "kind: Application\n"                                                           /* 2 */
    "metadata: { name: street }\n"                                                  /* 3 */
    "spec:\n"                                                                       /* 4 */
    "  objective: latency\n"                                                        /* 5 */
    "  qos: { rate: 300/min, latency: 2s }\n"                                       /* 6 */
    "  operators:\n"                                                                /* 7 */
    "    - { name: out, use: image-sink, in: [drawn], with: { path: out } }\n"      /* 8 */
    "    - name: camera\n"                                                          /* 9 */
    "      use: image-source\n"                                                     /* 10 */
    "      with: { path: street/*.jpg, repeat: true }\n"                            /* 11 */
    "      on: { has: [camera, night-sight], device: pi-1.local }\n"                /* 12 */
    "    - { name: picture, use: decode, in: [camera] }\n"                          /* 13 */
    "    - { name: fit, use: letterbox, in: [picture], with: { size: 416x416 } }\n" /* 14 */
    "    - name: detect\n"                                                          /* 15 */
    "      use: model\n"                                                            /* 16 */
    "      in: [fit]\n"                                                             /* 17 */
    "      with: { file: yolox.onnx, mean: [1, 2.5, 3], numerics: exact }\n"        /* 18 */
    "      cut: [12, 30]\n"                                                         /* 19 */
    "      replicas: 4\n"                                                           /* 20 */
    "    - { name: boxes, use: yolo, in: [detect], with: { threshold: 0.5 } }\n"    /* 21 */
    "    - { name: drawn, use: draw, in: [picture, boxes] }\n"                      /* 22 */
    "    - { name: mean, use: average, in: [boxes.scores], replicas: off }\n"       /* 23 */
    "    - { name: end, use: null-sink, in: [mean] }\n";                            /* 24 */

int fixture_parse(const char *old, const char *new, struct graph **ret_graph, struct error *err)
{
    char text[2 * sizeof(fixture_street)];
    const char *place = strstr(fixture_street, old);

    if (place == NULL) {
        return error_set(err, -ENOENT, "no '%s' in the street", old);
    }
    int size = snprintf(text, sizeof(text), "%.*s%s%s", (int)(place - fixture_street),
                        fixture_street, new, place + strlen(old));
    if (size < 0 || (size_t)size >= sizeof(text)) {
        return error_set(err, -E2BIG, "too long");
    }
    return manifest_parse("apps/t.yaml", text, (size_t)size, &fixture_catalog, ret_graph, err);
}

int fixture_write_files(void)
{
    struct error err;

    return file_make_folder("apps/street", &err) < 0 ||
                   file_make_folder("apps/empty", &err) < 0 ||
                   file_write("apps/street/a.jpg", "x", 1, &err) < 0 ||
                   file_write("apps/yolox.onnx", "x", 1, &err) < 0
               ? -1
               : 0;
}
