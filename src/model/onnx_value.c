#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/error.h"
#include "model/onnx.h"

/* Numbers of TensorProto.DataType, by enum tensor_type; the other types of ONNX (strings,
 * bfloat16, unsigned integers of 16 bits and more) are never between two layers that we cut. */
static const uint8_t data_types[TENSOR_TYPE_END] = {
    [TENSOR_U8] = 2,   [TENSOR_I8] = 3,  [TENSOR_I32] = 6,  [TENSOR_I64] = 7,
    [TENSOR_F16] = 10, [TENSOR_F32] = 1, [TENSOR_F64] = 11, [TENSOR_BOOL] = 9,
};

static enum tensor_type type_of(uint64_t data_type)
{
    for (unsigned type = TENSOR_U8; type < TENSOR_TYPE_END; type++) {
        if (data_types[type] == data_type) {
            return (enum tensor_type)type;
        }
    }
    return (enum tensor_type)0;
}

int onnx_broken(struct error *err)
{
    return error_set(err, -EBADMSG, "the file is broken off or damaged");
}

/* Bytes of a dense block; a dimension of 0 makes it empty. False: more than memory can hold. */
static bool block_size(const struct tensor_shape *shape, size_t *ret_size)
{
    size_t size = tensor_type_size(shape->type);

    for (uint32_t i = 0; i < shape->rank; i++) {
        if (__builtin_mul_overflow(size, shape->dims[i], &size)) {
            return false;
        }
    }
    *ret_size = size;
    return true;
}

size_t onnx_shape_size(const struct tensor_shape *shape)
{
    size_t size;

    return (unsigned)shape->type != 0 && block_size(shape, &size) ? size : 0;
}

/* What a TensorProto holds, on the way. */
struct weight_reading {
    uint64_t data_type, location;
    uint64_t rank;
    bool odd; /* a dimension that is negative or over 32 bits */
};

static void add_dimension(struct weight_reading *reading, struct onnx_weight *weight,
                          uint64_t value)
{
    reading->odd = reading->odd || value > UINT32_MAX;
    if (reading->rank < TENSOR_RANK_MAX) {
        weight->shape.dims[reading->rank] = (uint32_t)value;
    }
    reading->rank++;
}

static int add_dimensions(struct weight_reading *reading, struct onnx_weight *weight,
                          const struct protobuf_field *field)
{
    struct protobuf_reader packed = protobuf_read(field->body);
    uint64_t value;
    int r;

    if (field->wire != PROTOBUF_BYTES) {
        add_dimension(reading, weight, field->value);
        return 0;
    }
    while ((r = protobuf_next_number(&packed, &value)) == 0) {
        add_dimension(reading, weight, value);
    }
    return r < 0 ? r : 0;
}

static int read_weight_field(struct weight_reading *reading, struct onnx_weight *weight,
                             const struct protobuf_field *field)
{
    switch (field->number) {
    case ONNX_TENSOR_DIMS:
        return add_dimensions(reading, weight, field);
    case ONNX_TENSOR_TYPE:
        reading->data_type = field->value;
        return 0;
    case ONNX_TENSOR_LOCATION:
        reading->location = field->value;
        return 0;
    case ONNX_TENSOR_NAME:
        weight->name = field->body;
        return 0;
    case ONNX_TENSOR_RAW:
        weight->raw = field->body;
        return 0;
    default:
        return 0;
    }
}

static int check_weight(const struct weight_reading *reading, struct onnx_weight *weight,
                        struct error *err)
{
    const struct protobuf_span name = weight->name;

    if (reading->location != 0) {
        return error_set(err, -ENOTSUP,
                         "weight '%.*s' lies in a file of its own; put it inside with "
                         "onnx.save(onnx.load(OLD), NEW)",
                         ONNX_SHOWN(name));
    }
    weight->shape.rank = reading->rank <= TENSOR_RANK_MAX ? (uint32_t)reading->rank : 0;
    weight->shape.type = type_of(reading->data_type);
    if (reading->odd || !block_size(&weight->shape, &weight->size)) {
        return error_set(err, -EBADMSG, "weight '%.*s' has an impossible shape",
                         ONNX_SHOWN(name));
    }
    if (reading->rank > TENSOR_RANK_MAX || (unsigned)weight->shape.type == 0) {
        weight->shape = (struct tensor_shape){0};
        weight->size = weight->raw.size;
    }
    if (weight->raw.size > 0 && weight->raw.size != weight->size) {
        return error_set(err, -EBADMSG,
                         "weight '%.*s' has %zu bytes where its shape asks for %zu",
                         ONNX_SHOWN(name), weight->raw.size, weight->size);
    }
    return 0;
}

int onnx_weight_read(struct protobuf_span proto, struct onnx_weight *ret_weight,
                     struct error *err)
{
    struct protobuf_reader reader = protobuf_read(proto);
    struct weight_reading reading = {0};
    struct onnx_weight weight = {0};
    struct protobuf_field field;
    int r;

    while ((r = protobuf_next(&reader, &field)) == 0) {
        if (read_weight_field(&reading, &weight, &field) < 0) {
            return onnx_broken(err);
        }
    }
    if (r < 0 || !protobuf_is_text(weight.name)) {
        return onnx_broken(err);
    }
    r = check_weight(&reading, &weight, err);
    if (r == 0) {
        *ret_weight = weight;
    }
    return r;
}

static void write_entry(struct protobuf_writer *writer, const char *key, const char *value)
{
    size_t begun = protobuf_begin(writer, ONNX_TENSOR_EXTERNAL);

    protobuf_write_text(writer, ONNX_ENTRY_KEY, key);
    protobuf_write_text(writer, ONNX_ENTRY_VALUE, value);
    protobuf_end(writer, begun);
}

void onnx_weight_write(struct protobuf_writer *writer, struct protobuf_span proto,
                       size_t offset, size_t size)
{
    struct protobuf_reader reader = protobuf_read(proto);
    size_t begun = protobuf_begin(writer, ONNX_GRAPH_INITIALIZER);
    struct protobuf_field field;
    char text[24];

    while (protobuf_next(&reader, &field) == 0) {
        if (field.number == ONNX_TENSOR_DIMS || field.number == ONNX_TENSOR_TYPE ||
            field.number == ONNX_TENSOR_NAME) {
            protobuf_write_raw(writer, field.all);
        }
    }
    write_entry(writer, "location", "weights");
    snprintf(text, sizeof(text), "%zu", offset);
    write_entry(writer, "offset", text);
    snprintf(text, sizeof(text), "%zu", size);
    write_entry(writer, "length", text);
    protobuf_write_number(writer, ONNX_TENSOR_LOCATION, 1);
    protobuf_end(writer, begun);
}

static int read_dimension(struct protobuf_span proto, uint32_t *ret_value,
                          struct protobuf_span *ret_name)
{
    struct protobuf_reader reader = protobuf_read(proto);
    struct protobuf_field field;
    int r;

    while ((r = protobuf_next(&reader, &field)) == 0) {
        if (field.number == ONNX_DIMENSION_VALUE && field.value <= INT32_MAX) {
            *ret_value = (uint32_t)field.value;
        } else if (field.number == ONNX_DIMENSION_NAME) {
            *ret_name = field.body;
        }
    }
    return r < 0 ? r : 0;
}

static int read_shape(struct protobuf_span proto, struct onnx_value *value, uint32_t *ret_rank)
{
    struct protobuf_reader reader = protobuf_read(proto);
    struct protobuf_field field;
    uint32_t rank = 0;
    int r;

    while ((r = protobuf_next(&reader, &field)) == 0) {
        if (field.number != ONNX_SHAPE_DIMENSION) {
            continue;
        }
        if (rank < TENSOR_RANK_MAX &&
            read_dimension(field.body, &value->shape.dims[rank], &value->symbols[rank]) < 0) {
            return -EBADMSG;
        }
        rank++;
    }
    *ret_rank = rank;
    return r < 0 ? r : 0;
}

static int read_tensor_type(struct protobuf_span proto, struct onnx_value *value)
{
    struct protobuf_reader reader = protobuf_read(proto);
    struct protobuf_field field;
    uint32_t rank = UINT32_MAX;
    int r;

    while ((r = protobuf_next(&reader, &field)) == 0) {
        if (field.number == ONNX_TYPE_TENSOR_ELEMENT) {
            value->shape.type = type_of(field.value);
        } else if (field.number == ONNX_TYPE_TENSOR_SHAPE &&
                   read_shape(field.body, value, &rank) < 0) {
            return -EBADMSG;
        }
    }
    if (rank > TENSOR_RANK_MAX || (unsigned)value->shape.type == 0) {
        value->shape = (struct tensor_shape){0};
    } else {
        value->shape.rank = rank;
    }
    return r < 0 ? r : 0;
}

static int read_type(struct protobuf_span proto, struct onnx_value *value)
{
    struct protobuf_reader reader = protobuf_read(proto);
    struct protobuf_field field;
    int r;

    while ((r = protobuf_next(&reader, &field)) == 0) {
        if (field.number == ONNX_TYPE_TENSOR && read_tensor_type(field.body, value) < 0) {
            return -EBADMSG;
        }
    }
    return r < 0 ? r : 0;
}

int onnx_value_read(struct protobuf_span proto, struct onnx_value *ret_value)
{
    struct protobuf_reader reader = protobuf_read(proto);
    struct onnx_value value = {0};
    struct protobuf_field field;
    int r;

    while ((r = protobuf_next(&reader, &field)) == 0) {
        if (field.number == ONNX_VALUE_NAME) {
            value.name = field.body;
        } else if (field.number == ONNX_VALUE_TYPE && read_type(field.body, &value) < 0) {
            return -EBADMSG;
        }
    }
    if (r < 0 || !protobuf_is_text(value.name)) {
        return -EBADMSG;
    }
    *ret_value = value;
    return 0;
}

static void write_shape(struct protobuf_writer *writer, const struct tensor_shape *shape)
{
    size_t begun = protobuf_begin(writer, ONNX_TYPE_TENSOR_SHAPE);

    for (uint32_t i = 0; i < shape->rank; i++) {
        size_t dimension = protobuf_begin(writer, ONNX_SHAPE_DIMENSION);

        if (shape->dims[i] != 0) {
            protobuf_write_number(writer, ONNX_DIMENSION_VALUE, shape->dims[i]);
        }
        protobuf_end(writer, dimension);
    }
    protobuf_end(writer, begun);
}

void onnx_value_write(struct protobuf_writer *writer, uint32_t number,
                      const struct model_tensor *tensor, struct protobuf_span info)
{
    if ((unsigned)tensor->shape.type == 0 && info.size > 0) {
        protobuf_write_bytes(writer, number, info.bytes, info.size);
        return;
    }
    size_t value = protobuf_begin(writer, number);
    protobuf_write_text(writer, ONNX_VALUE_NAME, tensor->name);
    if ((unsigned)tensor->shape.type != 0) {
        size_t type = protobuf_begin(writer, ONNX_VALUE_TYPE);
        size_t of_tensor = protobuf_begin(writer, ONNX_TYPE_TENSOR);

        protobuf_write_number(writer, ONNX_TYPE_TENSOR_ELEMENT, data_types[tensor->shape.type]);
        write_shape(writer, &tensor->shape);
        protobuf_end(writer, of_tensor);
        protobuf_end(writer, type);
    }
    protobuf_end(writer, value);
}
