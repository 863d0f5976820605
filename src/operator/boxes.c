#include "operator/boxes.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "base/error.h"
#include "base/memory.h"

static int compare_scores(const void *a, const void *b)
{
    const struct box *left = a;
    const struct box *right = b;

    if (left->score != right->score) {
        return left->score > right->score ? -1 : 1;
    }
    if (left->class != right->class) {
        return left->class < right->class ? -1 : 1;
    }
    if (left->x != right->x) {
        return left->x < right->x ? -1 : 1;
    }
    return left->y < right->y ? -1 : left->y > right->y;
}

static void sort(struct boxes *boxes)
{
    if (boxes->n > 0) {
        qsort(boxes->list, boxes->n, sizeof(*boxes->list), compare_scores);
    }
}

void boxes_add(struct boxes *boxes, const struct box *box)
{
    if (!isfinite(box->x) || !isfinite(box->y) || !isfinite(box->width) ||
        !isfinite(box->height) || !isfinite(box->score)) {
        return;
    }
    if (boxes->n == boxes->room) {
        if (boxes->n >= (size_t)2 * BOXES_CANDIDATES_MAX) {
            sort(boxes);
            boxes->n = BOXES_CANDIDATES_MAX;
        } else {
            boxes->room = boxes->room == 0 ? 64 : 2 * boxes->room;
            struct box *list = memory_new(boxes->room, sizeof(*list));

            if (boxes->n > 0) {
                memcpy(list, boxes->list, boxes->n * sizeof(*list));
            }
            free(boxes->list);
            boxes->list = list;
        }
    }
    boxes->list[boxes->n++] = *box;
}

static float shared(float from_a, float size_a, float from_b, float size_b)
{
    float from = fmaxf(from_a, from_b);
    float to = fminf(from_a + size_a, from_b + size_b);

    return fmaxf(to - from, 0);
}

static bool overlaps(const struct box *a, const struct box *b, float most)
{
    float both =
        shared(a->x, a->width, b->x, b->width) * shared(a->y, a->height, b->y, b->height);
    float either = a->width * a->height + b->width * b->height - both;

    return both > most * either;
}

void boxes_suppress(struct boxes *boxes, float overlap, size_t most)
{
    size_t kept = 0;

    sort(boxes);
    for (size_t i = 0; i < boxes->n && kept < most; i++) {
        bool doubled = false;

        for (size_t k = 0; k < kept && !doubled; k++) {
            doubled = boxes->list[k].class == boxes->list[i].class &&
                      overlaps(&boxes->list[k], &boxes->list[i], overlap);
        }
        if (!doubled) {
            boxes->list[kept++] = boxes->list[i];
        }
    }
    boxes->n = kept;
}

void boxes_finish(struct boxes *boxes)
{
    free(boxes->list);
    *boxes = (struct boxes){0};
}

void boxes_finishp(struct boxes *boxes)
{
    boxes_finish(boxes);
}

static float within(float value, float most)
{
    return fminf(fmaxf(value, 0), most);
}

/* One side of a box: from the network's pixels to the original's. */
static void map_side(float scale, float offset, uint32_t most, float *from, float *size)
{
    float start = (*from - offset) / scale;
    float end = (*from + *size - offset) / scale;

    if (most > 0) {
        start = within(start, (float)most);
        end = within(end, (float)most);
    }
    *from = start;
    *size = end - start;
}

static bool map_box(const struct brume_view *view, struct box *box)
{
    if (view->scale_x > 0 && view->scale_y > 0) {
        map_side(view->scale_x, view->offset_x, view->width, &box->x, &box->width);
        map_side(view->scale_y, view->offset_y, view->height, &box->y, &box->height);
    }
    return box->width > 0 && box->height > 0;
}

static int output_labels(struct brume_call *call, const struct labels *labels)
{
    uint32_t size = 0;

    for (size_t i = 0; i < labels->n; i++) {
        size += (uint32_t)strlen(labels->names[i]) + 1;
    }
    const struct brume_tensor *text = brume_output(call, 0, BRUME_U8, 1, &size);
    if (text == NULL) {
        return brume_fail(call, "no memory for the labels");
    }
    char *to = text->data;
    for (size_t i = 0; i < labels->n; i++) {
        size_t length = strlen(labels->names[i]);

        memcpy(to, labels->names[i], length);
        to[length] = '\n';
        to += length + 1;
    }
    return 0;
}

int boxes_output(struct brume_call *call, const struct boxes *boxes,
                 const struct labels *labels)
{
    struct brume_view view = brume_view(call, 0);
    struct box mapped[BOXES_MAX];
    uint32_t n = 0;

    for (size_t i = 0; i < boxes->n && n < BOXES_MAX; i++) {
        mapped[n] = boxes->list[i];
        n += map_box(&view, &mapped[n]);
    }
    const struct brume_tensor *out =
        brume_output(call, 0, BRUME_F32, 2, (uint32_t[]){n, BOXES_ROW});
    if (out == NULL) {
        return brume_fail(call, "no memory for %u boxes", n);
    }
    for (uint32_t i = 0; i < n; i++) {
        const struct box *box = &mapped[i];
        const float row[BOXES_ROW] = {box->x,      box->y,     box->width,
                                      box->height, box->score, (float)box->class};

        memcpy((float *)out->data + (size_t)i * BOXES_ROW, row, sizeof(row));
    }
    return output_labels(call, labels);
}

int boxes_input(struct brume_call *call, unsigned port, struct boxes_input *ret_input)
{
    const struct brume_tensor *rows = brume_input(call, port, 0);
    const struct brume_tensor *text = brume_input(call, port, 1);
    struct error err;

    if (rows == NULL || rows->type != BRUME_F32 || rows->rank != 2 ||
        rows->shape[1] != BOXES_ROW || text == NULL || text->type != BRUME_U8 ||
        text->rank != 1) {
        return brume_fail(call, "wants boxes on input %u: f32[n, 6] and u8[m]", port);
    }
    if (labels_parse(text->data, text->shape[0], &ret_input->labels, &err) < 0) {
        return brume_fail(call, "%s", err.text);
    }
    ret_input->n = rows->shape[0];
    ret_input->rows = rows->data;
    return 0;
}

void boxes_input_finishp(struct boxes_input *input)
{
    labels_finish(&input->labels);
}

const char *boxes_label(const struct boxes_input *input, size_t i)
{
    float class = input->rows[i * BOXES_ROW + 5];

    if (class >= 0 && class < (float)input->labels.n) {
        return input->labels.names[(size_t) class];
    }
    return "?";
}

int boxes_infer(struct brume_call *call)
{
    uint32_t unknown = 0;

    brume_output(call, 0, BRUME_F32, 2, (uint32_t[]){0, BOXES_ROW});
    brume_output(call, 0, BRUME_U8, 1, &unknown);
    return 0;
}
