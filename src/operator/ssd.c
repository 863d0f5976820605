/* Reads the output of a single-shot detector (Liu and others 2016) as TensorFlow's Object
 * Detection API trains it: box offsets against a grid of anchors, and a score per class.
 *
 * The anchors are those of its "multiple grid anchor generator": on the first grid three per
 * cell (a small square, and twice and half as wide as high), on each other one six (aspects 1,
 * 2, 1/2, 3, 1/3, and a square of the size between this grid's and the next).
 */
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "operator/boxes.h"
#include "operator/builtin.h"

enum { GRIDS_MAX = 16, GRID_MAX = 256, SCALES = 4 };

static const struct brume_param params[] = {
    {"labels", BRUME_FILE, NULL,
     "names of the classes, a line each; with the background or not", NULL, 0, 0},
    {"threshold", BRUME_NUMBER, "0.5", "least score of a box", NULL, 0, 1},
    {"overlap", BRUME_NUMBER, "0.6", "boxes of a class that overlap more are one", NULL, 0, 1},
    {"most", BRUME_INTEGER, "100", "boxes per frame", NULL, 1, BOXES_MAX},
    {"size", BRUME_SIZE, "300x300", "of the network's input", NULL, 0, 0},
    {"grids", BRUME_NUMBERS, "19,10,5,3,2,1", "cells per side of each grid", NULL, 0, 0},
    {"least_scale", BRUME_NUMBER, "0.2", "of the first grid's anchors", NULL, 0.001, 1},
    {"most_scale", BRUME_NUMBER, "0.95", "of the last grid's anchors", NULL, 0.001, 1},
    {"scales", BRUME_NUMBERS, "10,10,5,5", "what y, x, height and width were multiplied by",
     NULL, 0, 0},
    {"score", BRUME_CHOICE, "none", "what makes scores of the class outputs", "none|sigmoid", 0,
     0},
    {0},
};

static const struct brume_port inputs[] = {
    {"in", BRUME_TENSORS, "f32[1, anchors, 4]: boxes, and f32[1, anchors, classes]: scores"},
    {0},
};

static const struct brume_port outputs[] = {
    {"out", BRUME_BOXES, "in pixels of the original picture"},
    {0},
};

struct anchor {
    float x, y, width, height; /* centre; all of the input's size */
};

struct ssd {
    struct labels labels;
    size_t n_anchors;
    struct anchor *anchors;
    double scales[SCALES];
    float threshold, overlap;
    float raw_threshold; /* before the sigmoid */
    size_t most;
    bool sigmoid;
    uint32_t width, height;
};

static void close_ssd(void *state)
{
    struct ssd *ssd = state;

    labels_finish(&ssd->labels);
    free(ssd->anchors);
    free(ssd);
}

static void close_ssdp(struct ssd **ssd)
{
    if (*ssd != NULL) {
        close_ssd(*ssd);
    }
}

static void add_grid(struct ssd *ssd, unsigned cells, const double (*shapes)[2], unsigned n)
{
    for (unsigned at = 0; at < cells * cells; at++) {
        unsigned row = at / cells;
        unsigned column = at % cells;

        for (unsigned i = 0; i < n; i++) {
            double side = shapes[i][0];
            double root = sqrt(shapes[i][1]);

            ssd->anchors[ssd->n_anchors++] = (struct anchor){
                .x = ((float)column + 0.5F) / (float)cells,
                .y = ((float)row + 0.5F) / (float)cells,
                .width = (float)(side * root),
                .height = (float)(side / root),
            };
        }
    }
}

static int make_anchors(struct brume_call *call, struct ssd *ssd)
{
    double grids[GRIDS_MAX];
    unsigned n = brume_param_numbers(call, "grids", GRIDS_MAX, grids);
    double least = brume_param_number(call, "least_scale");
    double most = brume_param_number(call, "most_scale");
    size_t room = 0;

    for (unsigned i = 0; i < n && n <= GRIDS_MAX; i++) {
        if (grids[i] < 1 || grids[i] > GRID_MAX || grids[i] != floor(grids[i])) {
            return brume_fail(call, "'grids' must be whole numbers from 1 to %d", GRID_MAX);
        }
        room += (size_t)(grids[i] * grids[i] * 6);
    }
    if (n == 0 || n > GRIDS_MAX) {
        return brume_fail(call, "'grids' must be 1 to %d numbers", GRIDS_MAX);
    }
    ssd->anchors = memory_new(room, sizeof(*ssd->anchors));
    for (unsigned i = 0; i < n; i++) {
        double step = n > 1 ? (most - least) / (n - 1) : 0;
        double scale = least + step * i;
        double next = i + 1 < n ? scale + step : 1;

        if (i == 0) {
            add_grid(ssd, (unsigned)grids[i],
                     (const double[][2]){{0.1, 1}, {scale, 2}, {scale, 0.5}}, 3);
        } else {
            add_grid(ssd, (unsigned)grids[i],
                     (const double[][2]){{scale, 1},
                                         {scale, 2},
                                         {scale, 0.5},
                                         {scale, 3},
                                         {scale, 1.0 / 3},
                                         {sqrt(scale * next), 1}},
                     6);
        }
    }
    return 0;
}

/* NULL after brume_fail(). */
static struct ssd *make(struct brume_call *call)
{
    cleanup(close_ssdp) struct ssd *ssd = memory_new(1, sizeof(*ssd));
    struct error err;

    if (labels_load(brume_param(call, "labels"), &ssd->labels, &err) < 0) {
        brume_fail(call, "%s", err.text);
        return NULL;
    }
    if (brume_param_numbers(call, "scales", SCALES, ssd->scales) != SCALES) {
        brume_fail(call, "'scales' must be %d numbers", SCALES);
        return NULL;
    }
    if (make_anchors(call, ssd) < 0) {
        return NULL;
    }
    ssd->threshold = (float)brume_param_number(call, "threshold");
    ssd->overlap = (float)brume_param_number(call, "overlap");
    ssd->most = (size_t)brume_param_integer(call, "most");
    ssd->sigmoid = strcmp(brume_param(call, "score"), "sigmoid") == 0;
    ssd->raw_threshold =
        ssd->sigmoid ? logf(ssd->threshold / (1 - ssd->threshold)) : ssd->threshold;
    brume_param_size(call, "size", &ssd->width, &ssd->height);
    return STEAL(ssd);
}

static bool is_list(const struct brume_tensor *tensor, size_t n)
{
    return tensor != NULL && tensor->type == BRUME_F32 && tensor->rank >= 2 &&
           tensor->shape[tensor->rank - 2] == n &&
           (tensor->rank == 2 || tensor->shape[0] == 1) && tensor->rank <= 3;
}

/* Tells the boxes, four numbers each, from the scores, in whatever order they come. False after
 * brume_fail(). */
static bool tell_apart(struct brume_call *call, const struct ssd *ssd,
                       const struct brume_tensor **ret_boxes,
                       const struct brume_tensor **ret_scores)
{
    const struct brume_tensor *first = brume_input(call, 0, 0);
    const struct brume_tensor *second = brume_input(call, 0, 1);
    size_t n = ssd->n_anchors;

    if (brume_input_count(call, 0) != 2 || !is_list(first, n) || !is_list(second, n)) {
        brume_fail(call,
                   "wants two outputs of the network, float32[1, %zu, 4] and "
                   "float32[1, %zu, classes]: %zu anchors by 'grids'",
                   n, n, n);
        return false;
    }
    bool swapped = first->shape[first->rank - 1] != 4;
    *ret_boxes = swapped ? second : first;
    *ret_scores = swapped ? first : second;
    size_t n_classes = (*ret_scores)->shape[(*ret_scores)->rank - 1];
    if ((*ret_boxes)->shape[(*ret_boxes)->rank - 1] != 4) {
        brume_fail(call, "neither output has four numbers per anchor");
        return false;
    }
    if (n_classes < 2 || (n_classes != ssd->labels.n && n_classes != ssd->labels.n + 1)) {
        return brume_fail(call,
                          "the network scores %zu classes with the background; there are "
                          "%zu labels",
                          n_classes, ssd->labels.n);
    }
    return true;
}

static int infer(struct brume_call *call)
{
    cleanup(close_ssdp) struct ssd *ssd = make(call);
    const struct brume_tensor *boxes;
    const struct brume_tensor *scores;

    if (ssd == NULL ||
        (brume_input(call, 0, 0) != NULL && !tell_apart(call, ssd, &boxes, &scores))) {
        return -EINVAL;
    }
    return boxes_infer(call);
}

static int open_ssd(struct brume_call *call, void **ret_state)
{
    *ret_state = make(call);
    return *ret_state != NULL ? 0 : -EINVAL;
}

static void add_box(const struct ssd *ssd, const struct anchor *anchor, const float *offsets,
                    struct box *box, struct boxes *boxes)
{
    float y = offsets[0] / (float)ssd->scales[0] * anchor->height + anchor->y;
    float x = offsets[1] / (float)ssd->scales[1] * anchor->width + anchor->x;

    box->height = expf(offsets[2] / (float)ssd->scales[2]) * anchor->height;
    box->width = expf(offsets[3] / (float)ssd->scales[3]) * anchor->width;
    box->x = (x - box->width / 2) * (float)ssd->width;
    box->y = (y - box->height / 2) * (float)ssd->height;
    box->width *= (float)ssd->width;
    box->height *= (float)ssd->height;
    boxes_add(boxes, box);
}

static int process(struct brume_call *call, void *state)
{
    const struct ssd *ssd = state;
    cleanup(boxes_finishp) struct boxes boxes = {0};
    const struct brume_tensor *offsets;
    const struct brume_tensor *scores;

    if (!tell_apart(call, ssd, &offsets, &scores)) {
        return -EINVAL;
    }
    uint32_t n_classes = scores->shape[scores->rank - 1];
    uint32_t first_label = n_classes == ssd->labels.n ? 0 : 1;
    for (size_t i = 0; i < ssd->n_anchors; i++) {
        const float *score = (const float *)scores->data + i * n_classes;
        uint32_t best = 1;

        for (uint32_t c = 2; c < n_classes; c++) {
            best = score[c] > score[best] ? c : best;
        }
        if (score[best] >= ssd->raw_threshold) {
            float value = ssd->sigmoid ? 1 / (1 + expf(-score[best])) : score[best];
            struct box box = {.score = fminf(fmaxf(value, 0), 1), .class = best - first_label};

            add_box(ssd, &ssd->anchors[i], (const float *)offsets->data + 4 * i, &box, &boxes);
        }
    }
    boxes_suppress(&boxes, ssd->overlap, ssd->most);
    return boxes_output(call, &boxes, &ssd->labels);
}

const struct brume_operator builtin_ssd = {
    .abi = BRUME_ABI,
    .name = "ssd",
    .summary = "finds boxes in the output of an SSD",
    .params = params,
    .inputs = inputs,
    .outputs = outputs,
    .infer = infer,
    .open = open_ssd,
    .process = process,
    .close = close_ssd,
};
