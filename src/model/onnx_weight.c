#include <errno.h>
#include <stdio.h>

#include "base/error.h"
#include "model/onnx.h"

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
    uint64_t data_type;
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

/* A decimal number; anything else is SIZE_MAX, which fits nowhere. */
static size_t parse_size(struct protobuf_span text)
{
    size_t value = 0;

    for (size_t i = 0; i < text.size; i++) {
        if (text.bytes[i] < '0' || text.bytes[i] > '9' ||
            __builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, text.bytes[i] - '0', &value)) {
            return SIZE_MAX;
        }
    }
    return text.size > 0 ? value : SIZE_MAX;
}

/* Says where a weight is that lies in a file of its own. */
static int read_entry(struct onnx_weight *weight, struct protobuf_span entry)
{
    struct protobuf_span key, value;

    int r = onnx_entry_read(entry, &key, &value);
    if (r < 0) {
        return r;
    }
    if (onnx_span_is(key, "location")) {
        weight->location = value;
    } else if (onnx_span_is(key, "offset")) {
        weight->offset = parse_size(value);
    } else if (onnx_span_is(key, "length")) {
        weight->length = parse_size(value);
        weight->has_length = true;
    }
    return 0;
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
        weight->outside = field->value != 0;
        return 0;
    case ONNX_TENSOR_EXTERNAL:
        return read_entry(weight, field->body);
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

    weight->shape.rank = reading->rank <= TENSOR_RANK_MAX ? (uint32_t)reading->rank : 0;
    weight->shape.type = onnx_type(reading->data_type);
    if (reading->odd || !block_size(&weight->shape, &weight->size)) {
        return error_set(err, -EBADMSG, "weight '%.*s' has an impossible shape",
                         ONNX_SHOWN(name));
    }
    if (reading->rank > TENSOR_RANK_MAX || (unsigned)weight->shape.type == 0) {
        weight->shape = (struct tensor_shape){0};
        weight->size = weight->outside ? weight->length : weight->raw.size;
    }
    const size_t size = weight->outside ? weight->length : weight->raw.size;
    if ((size > 0 || weight->has_length) && size != weight->size) {
        return error_set(err, -EBADMSG,
                         "weight '%.*s' has %zu bytes where its shape asks for %zu",
                         ONNX_SHOWN(name), size, weight->size);
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
                       struct protobuf_span raw, bool inside)
{
    struct protobuf_reader reader = protobuf_read(proto);
    size_t begun = protobuf_begin(writer, ONNX_GRAPH_INITIALIZER);
    struct protobuf_field field;
    char length[24];

    while (protobuf_next(&reader, &field) == 0) {
        if (field.number == ONNX_TENSOR_DIMS || field.number == ONNX_TENSOR_TYPE ||
            field.number == ONNX_TENSOR_NAME) {
            protobuf_write_raw(writer, field.all);
        }
    }
    if (inside) {
        protobuf_write_bytes(writer, ONNX_TENSOR_RAW, raw.bytes, raw.size);
    } else {
        snprintf(length, sizeof(length), "%zu", raw.size);
        write_entry(writer, "location", "weights");
        write_entry(writer, "offset", "0");
        write_entry(writer, "length", length);
        protobuf_write_number(writer, ONNX_TENSOR_LOCATION, 1);
    }
    protobuf_end(writer, begun);
}
