/* Reads the outputs of the YOLO family.
 *
 *   region  v2 (Redmon and Farhadi 2016): one grid, classes by softmax
 *   yolo    v3 and v4 (2018, 2020): one grid per output, classes by logistic functions
 *   yolox   (Ge and others 2021): no anchors, all grids in one output, classes already 0..1
 */
#include "operator/yolo.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "operator/builtin.h"

static const struct brume_param params[] = {
    {"labels", BRUME_FILE, NULL, "names of the classes, a line each", NULL, 0, 0},
    {"head", BRUME_CHOICE, "yolox", "region: v2; yolo: v3, v4", "region|yolo|yolox", 0, 0},
    {"threshold", BRUME_NUMBER, "0.4", "least score of a box", NULL, 0, 1},
    {"overlap", BRUME_NUMBER, "0.45", "boxes of a class that overlap more are one", NULL, 0, 1},
    {"most", BRUME_INTEGER, "100", "boxes per frame", NULL, 1, BOXES_MAX},
    {"size", BRUME_SIZE, "416x416", "of the network's input", NULL, 0, 0},
    {"anchors", BRUME_NUMBERS, "", "width, height, …; region: in cells, yolo: in pixels", NULL,
     0, 0},
    {"mask", BRUME_NUMBERS, "", "yolo: the anchors of each output, one output after another",
     NULL, 0, 0},
    {"scale_x_y", BRUME_NUMBERS, "", "yolo: as in the Darknet file, one per output; 1", NULL, 0,
     0},
    {"strides", BRUME_NUMBERS, "8,16,32", "yolox: pixels per cell of each grid", NULL, 0, 0},
    {0},
};

static const struct brume_port inputs[] = {
    {"in", BRUME_TENSORS,
     "f32[1, channels, y, x] or f32[1, y, x, channels] per grid; yolox: "
     "f32[1, cells, 5 + classes]"},
    {0},
};

static const struct brume_port outputs[] = {
    {"out", BRUME_BOXES, "in pixels of the original picture"},
    {0},
};

static void close_yolo(void *state)
{
    struct yolo *yolo = state;

    labels_finish(&yolo->labels);
    free(yolo);
}

static void close_yolop(struct yolo **yolo)
{
    if (*yolo != NULL) {
        close_yolo(*yolo);
    }
}

static enum yolo_kind kind_of(const char *head)
{
    if (strcmp(head, "region") == 0) {
        return YOLO_REGION;
    }
    return strcmp(head, "yolo") == 0 ? YOLO_LOGISTIC : YOLO_POINTS;
}

static int read_anchors(struct brume_call *call, struct yolo *yolo)
{
    unsigned n = brume_param_numbers(call, "anchors", YOLO_ANCHORS_MAX * 2U, yolo->anchors[0]);

    if (n % 2 != 0 || n > YOLO_ANCHORS_MAX * 2U || (n == 0 && yolo->kind != YOLO_POINTS)) {
        return brume_fail(call, "'anchors' must be pairs of numbers, 1 to %d of them",
                          YOLO_ANCHORS_MAX);
    }
    yolo->n_anchors = n / 2;
    yolo->n_mask = brume_param_numbers(call, "mask", YOLO_ANCHORS_MAX, yolo->mask);
    if (yolo->n_mask > YOLO_ANCHORS_MAX) {
        return brume_fail(call, "'mask' has over %d numbers", YOLO_ANCHORS_MAX);
    }
    if (yolo->n_mask == 0) {
        yolo->n_mask = yolo->n_anchors;
        for (unsigned i = 0; i < yolo->n_mask; i++) {
            yolo->mask[i] = i;
        }
    }
    for (unsigned i = 0; i < yolo->n_mask; i++) {
        double index = yolo->mask[i];

        if (index < 0 || index >= yolo->n_anchors || index != floor(index)) {
            return brume_fail(call, "'mask' names anchor %g; there are %u", index,
                              yolo->n_anchors);
        }
    }
    return 0;
}

static int read_lists(struct brume_call *call, struct yolo *yolo)
{
    yolo->n_strides = brume_param_numbers(call, "strides", YOLO_HEADS_MAX, yolo->strides);
    yolo->n_scale_xy = brume_param_numbers(call, "scale_x_y", YOLO_HEADS_MAX, yolo->scale_xy);
    if (yolo->n_strides > YOLO_HEADS_MAX || yolo->n_scale_xy > YOLO_HEADS_MAX) {
        return brume_fail(call, "there are over %d grids", YOLO_HEADS_MAX);
    }
    for (unsigned i = 0; i < yolo->n_strides; i++) {
        if (yolo->strides[i] < 1 || yolo->strides[i] != floor(yolo->strides[i])) {
            return brume_fail(call, "'strides' must be whole numbers of pixels");
        }
    }
    return read_anchors(call, yolo);
}

/* NULL after brume_fail(). */
static struct yolo *make(struct brume_call *call)
{
    cleanup(close_yolop) struct yolo *yolo = memory_new(1, sizeof(*yolo));
    struct error err;

    if (labels_load(brume_param(call, "labels"), &yolo->labels, &err) < 0) {
        brume_fail(call, "%s", err.text);
        return NULL;
    }
    yolo->kind = kind_of(brume_param(call, "head"));
    yolo->threshold = (float)brume_param_number(call, "threshold");
    yolo->overlap = (float)brume_param_number(call, "overlap");
    yolo->most = (size_t)brume_param_integer(call, "most");
    brume_param_size(call, "size", &yolo->width, &yolo->height);
    return read_lists(call, yolo) < 0 ? NULL : STEAL(yolo);
}

static int check(struct brume_call *call, const struct yolo *yolo)
{
    return yolo->kind == YOLO_POINTS ? yolo_points_check(call, yolo)
                                     : yolo_grid_check(call, yolo);
}

static int infer(struct brume_call *call)
{
    cleanup(close_yolop) struct yolo *yolo = make(call);

    if (yolo == NULL) {
        return -EINVAL;
    }
    int ret = brume_input(call, 0, 0) != NULL ? check(call, yolo) : 0;
    return ret < 0 ? ret : boxes_infer(call);
}

static int open_yolo(struct brume_call *call, void **ret_state)
{
    *ret_state = make(call);
    return *ret_state != NULL ? 0 : -EINVAL;
}

static int process(struct brume_call *call, void *state)
{
    const struct yolo *yolo = state;
    cleanup(boxes_finishp) struct boxes boxes = {0};
    int ret = check(call, yolo);

    if (ret < 0) {
        return ret;
    }
    if (yolo->kind == YOLO_POINTS) {
        yolo_points_read(call, yolo, &boxes);
    } else {
        yolo_grid_read(call, yolo, &boxes);
    }
    boxes_suppress(&boxes, yolo->overlap, yolo->most);
    return boxes_output(call, &boxes, &yolo->labels);
}

const struct brume_operator builtin_yolo = {
    .abi = BRUME_ABI,
    .name = "yolo",
    .summary = "finds boxes in the output of a YOLO",
    .params = params,
    .inputs = inputs,
    .outputs = outputs,
    .infer = infer,
    .open = open_yolo,
    .process = process,
    .close = close_yolo,
};
