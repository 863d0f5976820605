/* Detections: gathered from a network's output, freed of doubles, and said as BOXES. */
#ifndef OPERATOR_BOXES_H
#define OPERATOR_BOXES_H

#include <brume/operator.h>
#include <stddef.h>
#include <stdint.h>

#include "operator/labels.h"

enum {
    BOXES_CANDIDATES_MAX = 4096, /* the best are kept */
    BOXES_MAX = 1024,            /* of one frame, in the end */
};

/* In pixels of the network's input; x, y is the upper left corner. */
struct box {
    float x, y, width, height;
    float score; /* 0..1 */
    uint32_t class;
};

struct boxes {
    size_t n, room;
    struct box *list;
};

/* Adds a candidate; one whose numbers are not finite is dropped. */
void boxes_add(struct boxes *boxes, const struct box *box);

/* Greedy non-maximum suppression within each class: keeps the best box and drops those that
 * overlap it by more than `overlap` (intersection over union), and so on. Leaves the list in
 * order of falling score, at most `most` long. */
void boxes_suppress(struct boxes *boxes, float overlap, size_t most);
void boxes_finish(struct boxes *boxes);
void boxes_finishp(struct boxes *boxes);

/* Says the boxes on output port 0, in pixels of the original picture, clipped to it. What lies
 * outside is left out. */
int boxes_output(struct brume_call *call, const struct boxes *boxes,
                 const struct labels *labels);

/* BOXES that came in on a port: `rows` has n rows of x, y, width, height, score, class. */
struct boxes_input {
    size_t n;
    const float *rows;
    struct labels labels;
};
enum { BOXES_ROW = 6 };

int boxes_input(struct brume_call *call, unsigned port, struct boxes_input *ret_input);
void boxes_input_finishp(struct boxes_input *input);
/* The name of row i's class; "?" when there is none. */
const char *boxes_label(const struct boxes_input *input, size_t i);

/* For infer() of what gives BOXES. */
int boxes_infer(struct brume_call *call);

#endif
