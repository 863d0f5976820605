/* YOLOX (Ge and others, "YOLOX: Exceeding YOLO Series in 2021", section 2): each cell of each
 * grid is one row: x, y of the centre against the cell, log of width and height, objectness and
 * classes, which the network has already put through its logistic functions. */
#include <math.h>

#include "operator/yolo.h"

static size_t count_cells(const struct yolo *yolo)
{
    size_t n = 0;

    for (unsigned i = 0; i < yolo->n_strides; i++) {
        n += (size_t)(yolo->width / (uint32_t)yolo->strides[i]) *
             (yolo->height / (uint32_t)yolo->strides[i]);
    }
    return n;
}

int yolo_points_check(struct brume_call *call, const struct yolo *yolo)
{
    const struct brume_tensor *tensor = brume_input(call, 0, 0);
    size_t n_cells = count_cells(yolo);

    if (brume_input_count(call, 0) != 1 || tensor->type != BRUME_F32 || tensor->rank != 3 ||
        tensor->shape[0] != 1 || tensor->shape[1] != n_cells ||
        tensor->shape[2] != 5 + yolo->labels.n) {
        return brume_fail(call,
                          "wants one output of the network, float32[1, %zu, %zu]: the cells of "
                          "'strides' at %ux%u pixels, and 5 + %zu labels",
                          n_cells, 5 + yolo->labels.n, yolo->width, yolo->height,
                          yolo->labels.n);
    }
    return 0;
}

static void read_row(const struct yolo *yolo, const float *row, uint32_t stride,
                     struct box *box, struct boxes *boxes)
{
    const float *classes = row + 5;
    size_t best = 0;

    if (row[4] < yolo->threshold) {
        return;
    }
    for (size_t c = 1; c < yolo->labels.n; c++) {
        best = classes[c] > classes[best] ? c : best;
    }
    box->score = row[4] * classes[best];
    if (box->score >= yolo->threshold) {
        box->class = (uint32_t)best;
        box->width = expf(row[2]) * (float)stride;
        box->height = expf(row[3]) * (float)stride;
        box->x = (box->x + row[0]) * (float)stride - box->width / 2;
        box->y = (box->y + row[1]) * (float)stride - box->height / 2;
        boxes_add(boxes, box);
    }
}

void yolo_points_read(struct brume_call *call, const struct yolo *yolo, struct boxes *boxes)
{
    const float *row = brume_input(call, 0, 0)->data;

    for (unsigned i = 0; i < yolo->n_strides; i++) {
        uint32_t stride = (uint32_t)yolo->strides[i];

        for (uint32_t y = 0; y < yolo->height / stride; y++) {
            for (uint32_t x = 0; x < yolo->width / stride; x++) {
                struct box box = {.x = (float)x, .y = (float)y};

                read_row(yolo, row, stride, &box, boxes);
                row += 5 + yolo->labels.n;
            }
        }
    }
}
