/* Makes a segment of a TensorFlow Lite model out of a private mapping of its file, with three
 * edits: the operators vector of the graph is compacted in place, vectors with the segment's
 * inputs and outputs are put behind the file, and the graph's two offsets are turned to them.
 *
 * All offsets lead forward, as FlatBuffers demand: an entry that moves to a smaller index moves
 * away from what it leads to. The page of each edit is copied by the kernel; all others stay
 * shared with the file, and weights that no operator of the segment uses are never read.
 * Tensors keep their ids. Signatures, which name ports of the whole model, are left alone: the
 * engine runs the graph's ports.
 */
#include <endian.h>
#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "model/reader.h"
#include "model/tflite.h"

enum { WORD = sizeof(uint32_t) };

static uint32_t word_at(const uint8_t *bytes, size_t at)
{
    uint32_t word;

    memcpy(&word, bytes + at, WORD);
    return le32toh(word);
}

static void put_word(uint8_t *bytes, size_t at, uint32_t word)
{
    word = htole32(word);
    memcpy(bytes + at, &word, WORD);
}

static void compact_operators(uint8_t *bytes, size_t operators, const struct model_part *part)
{
    for (size_t i = 0; i < part->n_layers; i++) {
        size_t from = operators + (size_t)part->layers[i] * WORD;
        size_t to = operators + i * WORD;

        put_word(bytes, to, word_at(bytes, from) + (uint32_t)(from - to));
    }
    put_word(bytes, operators - WORD, (uint32_t)part->n_layers);
}

/* Writes a vector at `at` and turns the offset in `field` to it; returns its end. */
static size_t append_ids(uint8_t *bytes, size_t field, size_t at, const int *ids, size_t n)
{
    put_word(bytes, field, (uint32_t)(at - field));
    put_word(bytes, at, (uint32_t)n);
    for (size_t i = 0; i < n; i++) {
        put_word(bytes, at + WORD + i * WORD, (uint32_t)ids[i]);
    }
    return at + WORD + n * WORD;
}

int tflite_segment(const struct model *model, const struct model_part *part,
                   struct model_segment *segment, struct error *err)
{
    const struct tflite *tflite = model->detail;
    size_t end = (model->size + WORD - 1) / WORD * WORD;
    size_t extra = end - model->size + (2 + part->n_inputs + part->n_outputs) * WORD;

    if (model->size + extra > INT32_MAX) {
        return error_set(err, -E2BIG, "%s: a segment is over the format's limit of 2 GiB",
                         model->path);
    }
    int r = model_copy(model, extra, segment, err);
    if (r < 0) {
        return r;
    }
    uint8_t *bytes = segment->memory;
    compact_operators(bytes, tflite->operators, part);
    end = append_ids(bytes, tflite->inputs_field, end, part->inputs, part->n_inputs);
    end = append_ids(bytes, tflite->outputs_field, end, part->outputs, part->n_outputs);
    segment->image = (struct engine_model){.bytes = bytes, .size = end};
    return 0;
}
