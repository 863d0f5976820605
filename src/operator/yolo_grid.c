/* Region and logistic heads. Per cell and anchor there are x, y, width, height, objectness, and
 * a number per class (Redmon and Farhadi, "YOLO9000", 2016, section 2; "YOLOv3", 2018, section
 * 2.1; the stretch of x and y is YOLOv4's, 2020). */
#include <errno.h>
#include <math.h>

#include "operator/yolo.h"

/* Where things lie in an output, whichever order its dimensions have. */
struct grid {
    const float *data;
    uint32_t width, height;
    size_t channel, row, column; /* steps */
    size_t n_numbers;            /* per anchor */
    const double *mask;
    unsigned n_mask;
    float scale_xy;
};

static float sigmoid(float x)
{
    return 1 / (1 + expf(-x));
}

/* False after brume_fail(). */
static bool locate(struct brume_call *call, const struct yolo *yolo, unsigned index,
                   struct grid *ret_grid)
{
    const struct brume_tensor *tensor = brume_input(call, 0, index);
    unsigned n_heads = brume_input_count(call, 0);
    struct grid grid = {.data = tensor->data, .n_numbers = 5 + yolo->labels.n, .scale_xy = 1};

    if (yolo->n_mask % n_heads != 0) {
        brume_fail(call, "the network has %u outputs, which cannot share %u anchors", n_heads,
                   yolo->n_mask);
        return false;
    }
    grid.n_mask = yolo->n_mask / n_heads;
    grid.mask = yolo->mask + (size_t)index * grid.n_mask;
    if (index < yolo->n_scale_xy) {
        grid.scale_xy = (float)yolo->scale_xy[index];
    }
    size_t channels = grid.n_mask * grid.n_numbers;
    if (tensor->type != BRUME_F32 || tensor->rank != 4 || tensor->shape[0] != 1 ||
        (tensor->shape[1] != channels && tensor->shape[3] != channels)) {
        brume_fail(call,
                   "output %u of the network is not float32[1, %zu, y, x]: %u anchors x "
                   "(5 + %zu labels)",
                   index, channels, grid.n_mask, yolo->labels.n);
        return false;
    }
    bool last = tensor->shape[1] != channels;
    grid.height = tensor->shape[last ? 1 : 2];
    grid.width = tensor->shape[last ? 2 : 3];
    grid.channel = last ? 1 : (size_t)grid.width * grid.height;
    grid.column = last ? channels : 1;
    grid.row = grid.column * grid.width;
    *ret_grid = grid;
    return true;
}

int yolo_grid_check(struct brume_call *call, const struct yolo *yolo)
{
    unsigned n = brume_input_count(call, 0);
    struct grid grid;

    for (unsigned i = 0; i < n; i++) {
        if (!locate(call, yolo, i, &grid)) {
            return -EINVAL;
        }
    }
    return 0;
}

static size_t best_class(const struct grid *grid, const float *numbers, float *ret_best)
{
    size_t best = 0;
    float most = numbers[5 * grid->channel];

    for (size_t c = 1; c + 5 < grid->n_numbers; c++) {
        float value = numbers[(5 + c) * grid->channel];

        if (value > most) {
            most = value;
            best = c;
        }
    }
    *ret_best = most;
    return best;
}

static float softmax(const struct grid *grid, const float *numbers, float most)
{
    float sum = 0;

    for (size_t c = 5; c < grid->n_numbers; c++) {
        sum += expf(numbers[c * grid->channel] - most);
    }
    return 1 / sum;
}

/* `numbers` are those of one cell and anchor. */
static void read_cell(const struct yolo *yolo, const struct grid *grid, const float *numbers,
                      const double *anchor, struct box *box)
{
    bool region = yolo->kind == YOLO_REGION;
    float cell_width = (float)yolo->width / (float)grid->width;
    float cell_height = (float)yolo->height / (float)grid->height;
    float shift = (grid->scale_xy - 1) / 2;
    float x = box->x + sigmoid(numbers[0]) * grid->scale_xy - shift;
    float y = box->y + sigmoid(numbers[grid->channel]) * grid->scale_xy - shift;

    box->width =
        expf(numbers[2 * grid->channel]) * (float)anchor[0] * (region ? cell_width : 1);
    box->height =
        expf(numbers[3 * grid->channel]) * (float)anchor[1] * (region ? cell_height : 1);
    box->x = x * cell_width - box->width / 2;
    box->y = y * cell_height - box->height / 2;
}

static void read_anchor(const struct yolo *yolo, const struct grid *grid, unsigned index,
                        struct boxes *boxes)
{
    const float *first = grid->data + index * grid->n_numbers * grid->channel;
    const double *anchor = yolo->anchors[(size_t)grid->mask[index]];

    for (uint32_t y = 0; y < grid->height; y++) {
        for (uint32_t x = 0; x < grid->width; x++) {
            const float *numbers = first + y * grid->row + x * grid->column;
            struct box box = {.x = (float)x, .y = (float)y};
            float best;

            box.score = sigmoid(numbers[4 * grid->channel]);
            if (box.score < yolo->threshold) {
                continue;
            }
            box.class = (uint32_t)best_class(grid, numbers, &best);
            box.score *=
                yolo->kind == YOLO_REGION ? softmax(grid, numbers, best) : sigmoid(best);
            if (box.score >= yolo->threshold) {
                read_cell(yolo, grid, numbers, anchor, &box);
                boxes_add(boxes, &box);
            }
        }
    }
}

void yolo_grid_read(struct brume_call *call, const struct yolo *yolo, struct boxes *boxes)
{
    unsigned n = brume_input_count(call, 0);
    struct grid grid;

    for (unsigned i = 0; i < n && locate(call, yolo, i, &grid); i++) {
        for (unsigned k = 0; k < grid.n_mask; k++) {
            read_anchor(yolo, &grid, k, boxes);
        }
    }
}
