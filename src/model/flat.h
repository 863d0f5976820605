/* Reads a FlatBuffer that nobody vouches for, without a schema compiler.
 *
 * The format: a table begins with a signed offset back to its vtable (u16 size of the vtable,
 * u16 size of the table, u16 per field: where in the table it is, 0 when absent); strings,
 * vectors and tables in it are unsigned offsets forward from where they are written; a vector
 * is a u32 count and its elements. All little-endian. (FlatBuffers internals, flatbuffers.dev.)
 *
 * The first offset that leads outside the file is reported with its place; from then on all
 * reads give zeros and empty vectors, so that a caller checks `failed` once per loop, not once
 * per field. Everything that was returned lies inside the file.
 */
#ifndef MODEL_FLAT_H
#define MODEL_FLAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;

struct flat {
    const uint8_t *bytes;
    uint32_t size;
    int failed; /* 0, or a negative errno; then *err says why */
    struct error *err;
};

struct flat_table {
    uint32_t at, size; /* 0: absent */
    uint32_t vtable, vtable_size;
};

struct flat_vector {
    uint32_t at; /* of the first element; 0: absent */
    uint32_t n;
};

/* At most 2 GiB, as everywhere in FlatBuffers. -EBADMSG when it is longer. */
struct flat flat_open(const void *bytes, size_t size, struct error *err);
struct flat_table flat_root(struct flat *flat);

/* Where in the file a field of `width` bytes is; 0: absent. */
uint32_t flat_field(struct flat *flat, const struct flat_table *table, unsigned field,
                    uint32_t width);
/* An unsigned number of 1, 2, 4 or 8 bytes; 0: absent. */
uint64_t flat_number(struct flat *flat, const struct flat_table *table, unsigned field,
                     uint32_t width);
struct flat_vector flat_vector(struct flat *flat, const struct flat_table *table,
                               unsigned field, uint32_t element_size);
/* Malloc'ed, never NULL, cut after `limit` bytes. */
char *flat_text(struct flat *flat, const struct flat_table *table, unsigned field,
                size_t limit);

/* Element i < n of a vector of tables, or of i32. */
struct flat_table flat_table_at(struct flat *flat, const struct flat_vector *vector,
                                uint32_t i);
int32_t flat_int_at(struct flat *flat, const struct flat_vector *vector, uint32_t i);

#endif
