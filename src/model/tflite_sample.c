#include "model/tflite_sample.h"

#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* The file grows at its end; a slot is a word that later becomes an offset to what follows. */
struct writer {
    uint8_t *bytes;
    size_t size;
};

static void put(struct writer *writer, size_t at, uint32_t word)
{
    word = htole32(word);
    memcpy(writer->bytes + at, &word, sizeof(word));
}

static size_t add_word(struct writer *writer, uint32_t word)
{
    size_t at = writer->size;

    writer->bytes = realloc(writer->bytes, at + sizeof(word));
    if (writer->bytes == NULL) {
        abort();
    }
    writer->size = at + sizeof(word);
    put(writer, at, word);
    return at;
}

static void add_bytes(struct writer *writer, const void *bytes, size_t n)
{
    for (size_t i = 0; i < n; i += sizeof(uint32_t)) {
        uint32_t word = 0;

        memcpy(&word, (const uint8_t *)bytes + i, n - i < sizeof(word) ? n - i : sizeof(word));
        add_word(writer, le32toh(word));
    }
}

/* A table of n words, which `slot` leads to; bit i of `present` says that it has field i.
 * Returns where field 0 is. */
static size_t add_table(struct writer *writer, size_t slot, unsigned n, unsigned present)
{
    uint16_t layout[16] = {(uint16_t)(4 + 2 * n), (uint16_t)(4 + 4 * n)};
    size_t vtable = writer->size;

    for (unsigned i = 0; i < n; i++) {
        layout[2 + i] = (present & 1U << i) != 0 ? (uint16_t)(4 + 4 * i) : 0;
    }
    add_bytes(writer, layout, 4 + 2 * (size_t)n);
    put(writer, slot, (uint32_t)(writer->size - slot));
    size_t table = add_word(writer, (uint32_t)(writer->size - vtable));
    for (unsigned i = 0; i < n; i++) {
        add_word(writer, 0);
    }
    return table + sizeof(uint32_t);
}

static size_t field(size_t table, unsigned index)
{
    return table + index * sizeof(uint32_t);
}

/* A vector of n slots; returns where the first is. */
static size_t add_slots(struct writer *writer, size_t slot, size_t n)
{
    put(writer, slot, (uint32_t)(writer->size - slot));
    size_t first = add_word(writer, (uint32_t)n) + sizeof(uint32_t);
    for (size_t i = 0; i < n; i++) {
        add_word(writer, 0);
    }
    return first;
}

static void add_text(struct writer *writer, size_t slot, const char *text)
{
    put(writer, slot, (uint32_t)(writer->size - slot));
    add_word(writer, (uint32_t)strlen(text));
    add_bytes(writer, text, strlen(text) + 1);
}

static void add_numbers(struct writer *writer, size_t slot, const char *text)
{
    put(writer, slot, (uint32_t)(writer->size - slot));
    size_t count = add_word(writer, 0);
    char *end = NULL;
    uint32_t n = 0;

    for (long number = strtol(text, &end, 10); end != text; number = strtol(text, &end, 10)) {
        add_word(writer, (uint32_t)number);
        text = end;
        n++;
    }
    put(writer, count, n);
}

static void add_tensor(struct writer *writer, size_t slot, const struct sample *sample,
                       size_t i)
{
    const struct sample_tensor *tensor = &sample->tensors[i];
    unsigned present = 0x0e | (tensor->shape != NULL ? 1U : 0) |
                       (tensor->variable ? 1U << 5 : 0) |
                       (tensor->signature != NULL ? 1U << 7 : 0);
    size_t table = add_table(writer, slot, 8, present);
    cleanup(memory_free) char *name = memory_format("t%zu", i);

    put(writer, field(table, 1), tensor->type);
    put(writer, field(table, 2), tensor->n_constants > 0 ? (uint32_t)i + 1 : 0);
    add_text(writer, field(table, 3), name);
    if (tensor->shape != NULL) {
        add_numbers(writer, field(table, 0), tensor->shape);
    }
    put(writer, field(table, 5), tensor->variable);
    if (tensor->signature != NULL) {
        add_numbers(writer, field(table, 7), tensor->signature);
    }
}

static void add_graph(struct writer *writer, size_t slot, const struct sample *sample)
{
    size_t graph = add_table(writer, slot, 4, 0x0f);
    size_t tensors = add_slots(writer, field(graph, 0), sample->n_tensors);

    for (size_t i = 0; i < sample->n_tensors; i++) {
        add_tensor(writer, tensors + i * sizeof(uint32_t), sample, i);
    }
    add_numbers(writer, field(graph, 1), sample->inputs);
    add_numbers(writer, field(graph, 2), sample->outputs);
    size_t layers = add_slots(writer, field(graph, 3), sample->n_layers);
    for (size_t i = 0; i < sample->n_layers; i++) {
        size_t layer = add_table(writer, layers + i * sizeof(uint32_t), 3, 0x07);

        put(writer, field(layer, 0), (uint32_t)i);
        add_numbers(writer, field(layer, 1), sample->layers[i].inputs);
        add_numbers(writer, field(layer, 2), sample->layers[i].outputs);
    }
}

static void add_codes(struct writer *writer, size_t slot, const struct sample *sample)
{
    size_t codes = add_slots(writer, slot, sample->n_layers);

    for (size_t i = 0; i < sample->n_layers; i++) {
        size_t code = add_table(writer, codes + i * sizeof(uint32_t), 4, 0x0b);
        uint32_t number = sample->layers[i].code;

        put(writer, field(code, 0), number < 127 ? number : 127);
        add_text(writer, field(code, 1), "Custom");
        put(writer, field(code, 3), number);
    }
}

/* Buffer 0 is empty; tensor i has buffer i + 1. */
static void add_buffers(struct writer *writer, size_t slot, const struct sample *sample)
{
    size_t buffers = add_slots(writer, slot, sample->n_tensors + 1);

    for (size_t i = 0; i <= sample->n_tensors; i++) {
        uint32_t n = i > 0 ? sample->tensors[i - 1].n_constants : 0;
        size_t buffer = add_table(writer, buffers + i * sizeof(uint32_t), 1, n > 0);

        if (n > 0) {
            put(writer, buffer, (uint32_t)(writer->size - buffer));
            add_word(writer, n);
            for (uint32_t k = 0; k < n; k += sizeof(uint32_t)) {
                add_word(writer, 0x3f800000); /* 1.0f */
            }
        }
    }
}

void *tflite_sample(const struct sample *sample, size_t *ret_size)
{
    struct writer writer = {0};
    size_t root_slot = add_word(&writer, 0);

    add_bytes(&writer, "TFL3", 4);
    size_t root = add_table(&writer, root_slot, 5, 0x17);
    put(&writer, field(root, 0), 3);
    add_codes(&writer, field(root, 1), sample);
    size_t graphs = add_slots(&writer, field(root, 2), sample->second ? 2 : 1);
    add_graph(&writer, graphs, sample);
    if (sample->second) {
        add_graph(&writer, graphs + sizeof(uint32_t), sample);
    }
    add_buffers(&writer, field(root, 4), sample);
    *ret_size = writer.size;
    return writer.bytes;
}
