#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/memory.h"
#include "model/onnx.h"

struct onnx_name {
    struct protobuf_span name;
    int id_plus_one; /* 0: a free slot */
};

bool onnx_span_equal(struct protobuf_span a, struct protobuf_span b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.bytes, b.bytes, a.size) == 0);
}

bool onnx_span_is(struct protobuf_span span, const char *text)
{
    return onnx_span_equal(span, (struct protobuf_span){(const uint8_t *)text, strlen(text)});
}

char *onnx_span_text(struct protobuf_span span)
{
    char *text = memory_new(span.size + 1, 1);

    if (span.size > 0) {
        memcpy(text, span.bytes, span.size);
    }
    return text;
}

/* The slot that holds `name`, or the free one where it belongs. */
static struct onnx_name *find(const struct onnx_names *names, struct protobuf_span name)
{
    size_t mask = names->n_slots - 1;
    size_t i = (size_t)XXH3_64bits(name.bytes, name.size) & mask;

    while (names->slots[i].id_plus_one != 0 && !onnx_span_equal(names->slots[i].name, name)) {
        i = (i + 1) & mask;
    }
    return &names->slots[i];
}

static void grow(struct onnx_names *names)
{
    struct onnx_names bigger = {.n_slots = names->n_slots == 0 ? 64 : 2 * names->n_slots,
                                .n_used = names->n_used};

    bigger.slots = memory_new(bigger.n_slots, sizeof(*bigger.slots));
    for (size_t i = 0; i < names->n_slots; i++) {
        if (names->slots[i].id_plus_one != 0) {
            *find(&bigger, names->slots[i].name) = names->slots[i];
        }
    }
    free(names->slots);
    *names = bigger;
}

void onnx_names_put(struct onnx_names *names, struct protobuf_span name, int id)
{
    if (2 * names->n_used >= names->n_slots) {
        grow(names);
    }
    struct onnx_name *slot = find(names, name);
    names->n_used += slot->id_plus_one == 0;
    *slot = (struct onnx_name){.name = name, .id_plus_one = id + 1};
}

int onnx_names_get(const struct onnx_names *names, struct protobuf_span name)
{
    return names->n_slots == 0 ? -1 : find(names, name)->id_plus_one - 1;
}

void onnx_names_finish(struct onnx_names *names)
{
    free(names->slots);
    *names = (struct onnx_names){0};
}
