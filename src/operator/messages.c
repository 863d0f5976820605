#include "operator/messages.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

static int is_bytes(const struct brume_tensor *tensor)
{
    return tensor != NULL && tensor->type == BRUME_U8 && tensor->rank == 1;
}

static int ends_fit(const struct messages_input *input)
{
    int64_t before = 0;

    for (size_t i = 0; i < input->n; i++) {
        if (input->ends[i] < before || (uint64_t)input->ends[i] > input->size) {
            return 0;
        }
        before = input->ends[i];
    }
    return (size_t)before == input->size;
}

/* Cuts the text into topics: whether there are n of them and nothing more. */
static int cut(struct messages_input *input, size_t size)
{
    char *at = input->text;
    char *end = at + size;

    for (size_t i = 0; i < input->n; i++) {
        char *stop = memchr(at, '\n', (size_t)(end - at));

        if (stop == NULL || memchr(at, '\0', (size_t)(stop - at)) != NULL) {
            return 0;
        }
        *stop = '\0';
        input->topics[i] = at;
        at = stop + 1;
    }
    return at == end;
}

static int read_many(struct brume_call *call, unsigned port, struct messages_input *input)
{
    const struct brume_tensor *ends = brume_input(call, port, 1);
    const struct brume_tensor *text = brume_input(call, port, 2);

    if (ends->type != BRUME_I64 || ends->rank != 1 || !is_bytes(text)) {
        return brume_fail(call, "wants messages: u8[p], i64[n] and u8[m]");
    }
    size_t size = text->shape[0];
    input->n = ends->shape[0];
    input->ends = ends->data;
    if (!ends_fit(input)) {
        return brume_fail(call, "the ends of the messages do not fit their bytes");
    }
    if (input->n > size) {
        return brume_fail(call, "%zu messages and %zu bytes of topics", input->n, size);
    }
    input->text = memory_new(size + 1, 1);
    if (size > 0) {
        memcpy(input->text, text->data, size);
    }
    input->topics = memory_new(input->n, sizeof(*input->topics));
    return cut(input, size) ? 0 : brume_fail(call, "the messages' topics are not a line each");
}

int messages_input(struct brume_call *call, unsigned port, struct messages_input *ret_input)
{
    const struct brume_tensor *bytes = brume_input(call, port, 0);
    unsigned n_tensors = brume_input_count(call, port);
    int ret = 0;

    if (!is_bytes(bytes) || (n_tensors != 1 && n_tensors != 3)) {
        return brume_fail(call, "wants messages: u8[p], i64[n] and u8[m]; or bytes: u8[n]");
    }
    struct messages_input input = {.bytes = bytes->data, .size = bytes->shape[0]};
    if (n_tensors == 1) {
        input.n = 1;
        input.topics = memory_new(1, sizeof(*input.topics));
        input.topics[0] = "";
    } else {
        ret = read_many(call, port, &input);
    }
    if (ret < 0) {
        messages_input_finishp(&input);
        return ret;
    }
    *ret_input = input;
    return 0;
}

const char *messages_payload(const struct messages_input *input, size_t i, size_t *ret_size)
{
    size_t start = i > 0 ? (size_t)input->ends[i - 1] : 0;
    size_t end = input->ends != NULL ? (size_t)input->ends[i] : input->size;

    *ret_size = end - start;
    return input->bytes + start;
}

void messages_input_finishp(struct messages_input *input)
{
    free(input->text);
    free(input->topics);
    *input = (struct messages_input){0};
}

static void append(struct messages_buffer *buffer, const char *bytes, size_t size)
{
    size_t wanted = buffer->size + size;

    if (wanted > buffer->room) {
        size_t room = 2 * wanted;
        char *grown = realloc(buffer->bytes, room);

        if (grown == NULL) {
            abort();
        }
        buffer->bytes = grown;
        buffer->room = room;
    }
    if (size > 0) {
        memcpy(buffer->bytes + buffer->size, bytes, size);
    }
    buffer->size = wanted;
}

void messages_writer_add(struct messages_writer *writer, const char *payload, size_t size,
                         const char *topic)
{
    append(&writer->payloads, payload, size);
    append(&writer->topics, topic, strcspn(topic, "\n"));
    append(&writer->topics, "\n", 1);
    writer->ends = memory_grow(writer->ends, writer->n, sizeof(*writer->ends));
    writer->ends[writer->n++] = (int64_t)writer->payloads.size;
}

int messages_writer_output(struct brume_call *call, unsigned port,
                           const struct messages_writer *writer)
{
    uint32_t n = (uint32_t)writer->n;
    uint32_t size = (uint32_t)writer->payloads.size;
    uint32_t text_size = (uint32_t)writer->topics.size;

    if (n == 0) {
        return 0;
    }
    const struct brume_tensor *bytes = brume_output(call, port, BRUME_U8, 1, &size);
    const struct brume_tensor *ends = brume_output(call, port, BRUME_I64, 1, &n);
    const struct brume_tensor *text = brume_output(call, port, BRUME_U8, 1, &text_size);
    if (bytes == NULL || ends == NULL || text == NULL) {
        return brume_fail(call, "no memory for %u messages", n);
    }
    if (size > 0) {
        memcpy(bytes->data, writer->payloads.bytes, size);
    }
    memcpy(ends->data, writer->ends, n * sizeof(*writer->ends));
    memcpy(text->data, writer->topics.bytes, text_size);
    return 0;
}

void messages_writer_finishp(struct messages_writer *writer)
{
    free(writer->ends);
    free(writer->payloads.bytes);
    free(writer->topics.bytes);
    *writer = (struct messages_writer){0};
}

int messages_writer_infer(struct brume_call *call, unsigned port)
{
    uint32_t unknown = 0;

    brume_output(call, port, BRUME_U8, 1, &unknown);
    brume_output(call, port, BRUME_I64, 1, &unknown);
    brume_output(call, port, BRUME_U8, 1, &unknown);
    return 0;
}
