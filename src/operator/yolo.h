/* What the heads of the YOLO family share. */
#ifndef OPERATOR_YOLO_H
#define OPERATOR_YOLO_H

#include <stdbool.h>

#include "operator/boxes.h"

enum { YOLO_ANCHORS_MAX = 64, YOLO_HEADS_MAX = 16 };

enum yolo_kind { YOLO_REGION, YOLO_LOGISTIC, YOLO_POINTS };

struct yolo {
    enum yolo_kind kind;
    struct labels labels;
    uint32_t width, height; /* of the network's input, in pixels */
    unsigned n_anchors;
    double anchors[YOLO_ANCHORS_MAX][2]; /* width, height; region: in cells, else in pixels */
    unsigned n_mask;
    double mask[YOLO_ANCHORS_MAX]; /* which anchors each output has, one output after another */
    unsigned n_strides;
    double strides[YOLO_HEADS_MAX];
    unsigned n_scale_xy;
    double scale_xy[YOLO_HEADS_MAX];
    float threshold, overlap;
    size_t most;
};

/* Grids of cells, each with some anchors: region (v2) and logistic (v3, v4) heads. */
int yolo_grid_check(struct brume_call *call, const struct yolo *yolo);
void yolo_grid_read(struct brume_call *call, const struct yolo *yolo, struct boxes *boxes);

/* One row per cell of several grids, without anchors: YOLOX. */
int yolo_points_check(struct brume_call *call, const struct yolo *yolo);
void yolo_points_read(struct brume_call *call, const struct yolo *yolo, struct boxes *boxes);

#endif
