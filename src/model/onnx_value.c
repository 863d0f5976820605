#include <errno.h>

#include "base/error.h"
#include "model/onnx.h"

/* Numbers of TensorProto.DataType, by enum tensor_type; the other types of ONNX (strings,
 * bfloat16, unsigned integers of 16 bits and more) are never between two layers that we cut. */
static const uint8_t data_types[TENSOR_TYPE_END] = {
    [TENSOR_U8] = 2,   [TENSOR_I8] = 3,  [TENSOR_I32] = 6,  [TENSOR_I64] = 7,
    [TENSOR_F16] = 10, [TENSOR_F32] = 1, [TENSOR_F64] = 11, [TENSOR_BOOL] = 9,
};

enum tensor_type onnx_type(uint64_t data_type)
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

int onnx_entry_read(struct protobuf_span proto, struct protobuf_span *ret_key,
                    struct protobuf_span *ret_value)
{
    struct protobuf_reader reader = protobuf_read(proto);
    struct protobuf_span key = {0}, value = {0};
    struct protobuf_field field;
    int r;

    while ((r = protobuf_next(&reader, &field)) == 0) {
        if (field.number == ONNX_ENTRY_KEY) {
            key = field.body;
        } else if (field.number == ONNX_ENTRY_VALUE) {
            value = field.body;
        }
    }
    if (r < 0) {
        return r;
    }
    *ret_key = key;
    *ret_value = value;
    return 0;
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
            value->shape.type = onnx_type(field.value);
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
