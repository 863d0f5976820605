#include "model/check.h"

#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

struct model_check {
    const struct model *model;
    const struct engine *engine;
    struct engine_options options;
    struct tensor **inputs;  /* per tensor id */
    struct tensor **outputs; /* per tensor id, of the whole */
};

static struct tensor **values_create(const struct model *model)
{
    return memory_new(model->n_tensors, sizeof(struct tensor *));
}

static void values_destroy(struct tensor **values, size_t n)
{
    for (size_t i = 0; values != NULL && i < n; i++) {
        tensor_unref(values[i]);
    }
    free(values);
}

static int run_image(const struct model_check *check, const struct engine_model *image,
                     struct tensor *const *inputs, struct tensor **outputs, size_t n_outputs,
                     struct error *err)
{
    const struct engine *engine = check->engine;
    struct engine_session *session = NULL;
    const struct engine_port *ports;
    int r = engine->open(image, &check->options, &session, err);

    if (r == 0 && engine->outputs(session, &ports) != n_outputs) {
        r = error_set(err, -ENOTSUP, "%s: the engine gives other outputs than the file names",
                      check->model->path);
    }
    r = r < 0 ? r : engine->run(session, inputs, outputs, err);
    engine->close(session);
    return r;
}

/* Runs from..to on the values live at `from`; sets those that it makes. */
static int run_part(const struct model_check *check, size_t from, size_t to,
                    struct tensor **values, struct error *err)
{
    cleanup(model_segment_destroyp) struct model_segment *segment = NULL;
    int r = model_segment(check->model, from, to, &segment, err);

    if (r < 0) {
        return r;
    }
    cleanup(memory_free) struct tensor **inputs = values_create(check->model);
    cleanup(memory_free) struct tensor **outputs = values_create(check->model);
    for (size_t i = 0; i < segment->n_inputs; i++) {
        inputs[i] = values[segment->inputs[i]];
    }
    r = run_image(check, &segment->image, inputs, outputs, segment->n_outputs, err);
    for (size_t i = 0; i < segment->n_outputs && r == 0; i++) {
        values[segment->outputs[i]] = outputs[i];
    }
    return r;
}

static int run_whole(struct model_check *check, struct error *err)
{
    const struct model *model = check->model;
    const struct engine_model image = {.bytes = model->bytes, .size = model->size};
    cleanup(memory_free) struct tensor **inputs = memory_new(model->n_inputs, sizeof(*inputs));
    cleanup(memory_free) struct tensor **outputs =
        memory_new(model->n_outputs, sizeof(*outputs));

    for (size_t i = 0; i < model->n_inputs; i++) {
        inputs[i] = check->inputs[model->inputs[i]];
    }
    int r = run_image(check, &image, inputs, outputs, model->n_outputs, err);
    for (size_t i = 0; i < model->n_outputs && r == 0; i++) {
        struct tensor **slot = &check->outputs[model->outputs[i]];
        tensor_unref(*slot);
        *slot = outputs[i];
    }
    return r;
}

/* SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014). */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

void model_check_fill(struct tensor *tensor, uint64_t seed)
{
    size_t width = tensor_type_size(tensor->shape.type);
    uint8_t *data = tensor->data;

    for (size_t at = 0; at < tensor->size; at += width) {
        uint64_t random = next_random(&seed);
        uint64_t whole = tensor->shape.type == TENSOR_BOOL ? random % 2 : random % 100;
        double real = (double)(random >> 11) * 0x1p-52 - 1;
        float single = (float)real;
        /* Sign and 10 bits of fraction under an exponent of -1: 0.5 to 1, either sign. */
        uint16_t half = (uint16_t)((random & 0x83ff) | 0x3800);

        switch (tensor->shape.type) {
        case TENSOR_F64:
            memcpy(data + at, &real, width);
            break;
        case TENSOR_F32:
            memcpy(data + at, &single, width);
            break;
        case TENSOR_F16:
            memcpy(data + at, &half, width);
            break;
        default:
            memcpy(data + at, &whole, width);
        }
    }
}

static int take_inputs(struct model_check *check, struct tensor *const *inputs,
                       struct error *err)
{
    const struct model *model = check->model;

    for (size_t i = 0; i < model->n_inputs; i++) {
        int id = model->inputs[i];

        if (inputs != NULL) {
            check->inputs[id] = tensor_ref(inputs[i]);
            continue;
        }
        if (model->tensors[id].size == 0) {
            return error_set(err, -ENOTSUP, "%s: the size of input %s is not known",
                             model->path, model->tensors[id].name);
        }
        int r = tensor_create(&model->tensors[id].shape, &check->inputs[id], err);
        if (r < 0) {
            return r;
        }
        model_check_fill(check->inputs[id], i);
    }
    return 0;
}

int model_check_open(const struct model *model, const struct engine_options *options,
                     struct tensor *const *inputs, struct model_check **ret_check,
                     struct error *err)
{
    cleanup(model_check_closep) struct model_check *check = memory_new(1, sizeof(*check));
    cleanup(memory_free) char *suffix = memory_format(".%s", model->format);

    check->model = model;
    check->options = *options;
    check->inputs = values_create(model);
    check->outputs = values_create(model);
    int r = engine_find(suffix, &check->engine, err);
    r = r < 0 ? r : take_inputs(check, inputs, err);
    r = r < 0 ? r : run_whole(check, err);
    if (r < 0) {
        return r;
    }
    *ret_check = STEAL(check);
    return 0;
}

void model_check_close(struct model_check *check)
{
    if (check != NULL) {
        values_destroy(check->inputs, check->model->n_tensors);
        values_destroy(check->outputs, check->model->n_tensors);
        free(check);
    }
}

void model_check_closep(struct model_check **check)
{
    model_check_close(*check);
    *check = NULL;
}

static double element(const struct tensor *tensor, size_t i)
{
    switch (tensor->shape.type) {
    case TENSOR_U8:
    case TENSOR_BOOL:
        return ((const uint8_t *)tensor->data)[i];
    case TENSOR_I8:
        return ((const int8_t *)tensor->data)[i];
    case TENSOR_I32:
        return ((const int32_t *)tensor->data)[i];
    case TENSOR_I64:
        return (double)((const int64_t *)tensor->data)[i];
    case TENSOR_F32:
        return ((const float *)tensor->data)[i];
    case TENSOR_F64:
        return ((const double *)tensor->data)[i];
    default:
        return NAN;
    }
}

struct model_difference model_check_difference(const struct tensor *whole,
                                               const struct tensor *cut)
{
    const struct model_difference none = {0, 0};
    const struct model_difference all = {INFINITY, INFINITY};
    double largest = 0;
    double worst = 0;

    if (!tensor_shape_equal(&whole->shape, &cut->shape)) {
        return all;
    }
    if (memcmp(whole->data, cut->data, whole->size) == 0) {
        return none;
    }
    size_t width = tensor_type_size(whole->shape.type);
    for (size_t i = 0; i < whole->size / width; i++) {
        double a = element(whole, i);
        double b = element(cut, i);

        if (memcmp((char *)whole->data + i * width, (char *)cut->data + i * width, width) ==
            0) {
            continue;
        }
        if (!isfinite(a) || !isfinite(b)) {
            return all;
        }
        worst = fmax(worst, fabs(a - b));
    }
    for (size_t i = 0; i < whole->size / width; i++) {
        double a = fabs(element(whole, i));
        largest = isfinite(a) ? fmax(largest, a) : largest;
    }
    if (worst == 0) {
        return (struct model_difference){DBL_MIN, DBL_MIN}; /* 0 and -0 */
    }
    return (struct model_difference){worst, largest > 0 ? worst / largest : INFINITY};
}

int model_check_cut(const struct model_check *check, size_t k,
                    struct model_difference *ret_difference, struct error *err)
{
    const struct model *model = check->model;
    struct tensor **values = values_create(model);
    struct model_difference worst = {0, 0};

    for (size_t i = 0; i < model->n_inputs; i++) {
        values[model->inputs[i]] = tensor_ref(check->inputs[model->inputs[i]]);
    }
    int r = run_part(check, 0, k, values, err);
    r = r < 0 ? r : run_part(check, k, model->n_layers, values, err);
    for (size_t i = 0; i < model->n_outputs && r == 0; i++) {
        int id = model->outputs[i];
        struct model_difference one = model_check_difference(check->outputs[id], values[id]);
        worst.absolute = fmax(worst.absolute, one.absolute);
        worst.relative = fmax(worst.relative, one.relative);
    }
    values_destroy(values, model->n_tensors);
    if (r < 0) {
        return error_wrap(err, "cut %zu", k);
    }
    *ret_difference = worst;
    return 0;
}
