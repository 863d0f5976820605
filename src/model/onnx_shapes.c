/* Shapes that the file leaves out. The engine knows them: it is given the model with everything
 * that its layers make as an output, optimises nothing, and is asked what those outputs look
 * like. That takes as long as loading the model, so the answer is kept in the user's cache as
 * models/HASH.shapes: {"version": 1, "shapes": {"conv1": ["float32", 1, 16, 416, 416], ...}}.
 * The cache is only a help: one that cannot be read or written is passed over, and each entry
 * is checked and used only where the file itself does not say.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "model/onnx.h"

enum { CACHE_VERSION = 1, CACHE_SIZE_MAX = 64 << 20 };

static bool is_known(const struct tensor_shape *shape)
{
    return onnx_shape_size(shape) > 0;
}

/* How many tensors between layers, or from the last, have a shape that is not known. */
static size_t n_missing(const struct model *model)
{
    size_t n = 0;

    for (size_t i = 0; i < model->n_tensors; i++) {
        const struct model_tensor *tensor = &model->tensors[i];

        n += tensor->producer >= 0 && !tensor->constant && !is_known(&tensor->shape);
    }
    return n;
}

static void learn(struct model *model, int id, const struct tensor_shape *shape)
{
    struct model_tensor *tensor = &model->tensors[id];

    if (tensor->producer >= 0 && !is_known(&tensor->shape)) {
        tensor->shape = *shape;
    }
}

static char *cache_path(const struct model *model)
{
    char *folder = file_cache_folder();
    char *path = folder == NULL
                     ? NULL
                     : memory_format("%s/models/%016" PRIx64 ".shapes", folder, model->hash);

    free(folder);
    return path;
}

static bool parse_shape(const json_t *entry, struct tensor_shape *ret_shape)
{
    const char *name = json_string_value(json_array_get(entry, 0));
    const size_t n = json_array_size(entry);
    struct tensor_shape shape = {0};

    if (name == NULL || n - 1 > TENSOR_RANK_MAX) {
        return false;
    }
    for (unsigned type = TENSOR_U8; type < TENSOR_TYPE_END; type++) {
        if (strcmp(name, tensor_type_name((enum tensor_type)type)) == 0) {
            shape.type = (enum tensor_type)type;
        }
    }
    for (size_t i = 1; i < n; i++) {
        json_int_t value = json_integer_value(json_array_get(entry, i));

        if (value < 0 || value > INT32_MAX) {
            return false;
        }
        shape.dims[shape.rank++] = (uint32_t)value;
    }
    *ret_shape = shape;
    return (unsigned)shape.type != 0;
}

static bool read_cache(struct model *model, const char *path)
{
    const struct onnx_detail *detail = model->detail;
    cleanup(json_decrefp) json_t *root = NULL;
    cleanup(memory_free) void *bytes = NULL;
    struct tensor_shape shape;
    struct error ignored;
    const char *name;
    json_t *entry;
    size_t size;

    if (file_read(path, CACHE_SIZE_MAX, &bytes, &size, &ignored) < 0) {
        return false;
    }
    root = json_loadb(bytes, size, 0, NULL);
    json_t *shapes = json_object_get(root, "shapes");
    if (json_integer_value(json_object_get(root, "version")) != CACHE_VERSION ||
        !json_is_object(shapes)) {
        return false;
    }
    json_object_foreach(shapes, name, entry)
    {
        int id = onnx_names_get(&detail->names,
                                (struct protobuf_span){(const uint8_t *)name, strlen(name)});
        if (id >= 0 && parse_shape(entry, &shape)) {
            learn(model, id, &shape);
        }
    }
    return true;
}

static json_t *shape_json(const struct tensor_shape *shape)
{
    json_t *entry = json_pack("[s]", tensor_type_name(shape->type));

    for (uint32_t i = 0; i < shape->rank; i++) {
        json_array_append_new(entry, json_integer(shape->dims[i]));
    }
    return entry;
}

static void write_cache(const struct model *model, const char *path)
{
    cleanup(json_decrefp) json_t *root = NULL;
    cleanup(memory_free) char *folder = memory_text(path);
    cleanup(memory_free) char *text = NULL;
    json_t *shapes = json_object();
    struct error ignored;

    root = json_pack("{s:i, s:o}", "version", CACHE_VERSION, "shapes", shapes);
    for (size_t i = 0; i < model->n_tensors; i++) {
        const struct model_tensor *tensor = &model->tensors[i];

        if (tensor->producer >= 0 && (unsigned)tensor->shape.type != 0) {
            json_object_set_new(shapes, tensor->name, shape_json(&tensor->shape));
        }
    }
    text = json_dumps(root, JSON_COMPACT);
    *strrchr(folder, '/') = '\0';
    if (text != NULL && file_make_folder(folder, &ignored) == 0) {
        file_write(path, text, strlen(text), &ignored);
    }
}

/* All layers, with everything they make as an output. */
static void take_all(const struct model *model, struct model_part *part)
{
    *part = (struct model_part){
        .layers = memory_new(model->n_layers, sizeof(*part->layers)),
        .inputs = memory_new(model->n_inputs, sizeof(*part->inputs)),
        .outputs = memory_new(model->n_tensors, sizeof(*part->outputs)),
    };
    for (size_t i = 0; i < model->n_layers; i++) {
        part->layers[part->n_layers++] = (int)i;
    }
    for (size_t i = 0; i < model->n_inputs; i++) {
        part->inputs[part->n_inputs++] = model->inputs[i];
    }
    for (size_t i = 0; i < model->n_tensors; i++) {
        if (model->tensors[i].producer >= 0) {
            part->outputs[part->n_outputs++] = (int)i;
        }
    }
}

static int ask(struct model *model, const struct engine *engine, const struct model_part *part,
               const struct engine_model *image, struct error *err)
{
    const struct engine_options options = {.threads = 1, .infer_only = true};
    const struct engine_port *ports;
    struct engine_session *session;

    int r = engine->open(image, &options, &session, err);
    if (r < 0) {
        return r;
    }
    size_t n = engine->outputs(session, &ports);
    for (size_t i = 0; i < n && i < part->n_outputs; i++) {
        if (strcmp(ports[i].name, model->tensors[part->outputs[i]].name) == 0) {
            learn(model, part->outputs[i], &ports[i].shape);
        }
    }
    engine->close(session);
    return 0;
}

static int ask_engine(struct model *model, struct error *err)
{
    cleanup(model_segment_destroyp) struct model_segment *whole = memory_new(1, sizeof(*whole));
    cleanup(model_part_finish) struct model_part part = {0};
    const struct engine *engine;

    int r = engine_find(".onnx", &engine, err);
    if (r < 0) {
        return r;
    }
    take_all(model, &part);
    r = onnx_segment(model, &part, whole, err);
    return r < 0 ? r : ask(model, engine, &part, &whole->image, err);
}

static void find_shapes(struct model *model)
{
    cleanup(memory_free) char *path = cache_path(model);
    struct error err;

    if (path != NULL && read_cache(model, path)) {
        return;
    }
    if (ask_engine(model, &err) < 0) {
        model->note = memory_format("the file leaves out shapes between layers, and only the "
                                    "engine knows them: %s",
                                    err.text);
        return;
    }
    if (path != NULL) {
        write_cache(model, path);
    }
}

void onnx_infer_shapes(struct model *model)
{
    if (n_missing(model) > 0) {
        find_shapes(model);
    }
    size_t n = n_missing(model);
    if (n > 0 && model->note == NULL) {
        model->note = memory_format("%zu tensors have a size that is known only when the model "
                                    "runs; it cannot be cut across them",
                                    n);
    }
}
