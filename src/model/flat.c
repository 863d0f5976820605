#include "model/flat.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

static void fail(struct flat *flat, uint32_t at, const char *what)
{
    if (flat->failed == 0) {
        flat->failed = error_set(flat->err, -EBADMSG,
                                 "%s at byte %u does not fit in the file: it is truncated or "
                                 "damaged",
                                 what, at);
    }
}

static bool inside(const struct flat *flat, uint64_t at, uint64_t size)
{
    return flat->failed == 0 && at + size <= flat->size;
}

static uint32_t number_at(const struct flat *flat, uint32_t at)
{
    uint32_t number;

    memcpy(&number, flat->bytes + at, sizeof(number));
    return le32toh(number);
}

static uint32_t short_at(const struct flat *flat, uint32_t at)
{
    uint16_t number;

    memcpy(&number, flat->bytes + at, sizeof(number));
    return le16toh(number);
}

struct flat flat_open(const void *bytes, size_t size, struct error *err)
{
    struct flat flat = {.bytes = bytes, .err = err};

    if (size > INT32_MAX) {
        flat.failed = error_set(err, -E2BIG, "the file is over the format's limit of 2 GiB");
        return flat;
    }
    flat.size = (uint32_t)size;
    return flat;
}

/* Follows the offset that is written at `at`; what it leads to has at least `size` bytes. */
static uint32_t follow(struct flat *flat, uint32_t at, uint32_t size, const char *what)
{
    if (!inside(flat, at, sizeof(uint32_t))) {
        fail(flat, at, "an offset");
        return 0;
    }
    uint32_t offset = number_at(flat, at);
    if (offset == 0 || !inside(flat, (uint64_t)at + offset, size)) {
        fail(flat, at, what);
        return 0;
    }
    return at + offset;
}

static struct flat_table table_behind(struct flat *flat, uint32_t offset_at)
{
    struct flat_table table = {.at = follow(flat, offset_at, sizeof(int32_t), "a table")};

    if (table.at == 0) {
        return (struct flat_table){0};
    }
    int64_t vtable = (int64_t)table.at - (int32_t)number_at(flat, table.at);
    if (vtable < 0 || !inside(flat, (uint64_t)vtable, 4)) {
        fail(flat, table.at, "the layout of a table");
        return (struct flat_table){0};
    }
    table.vtable = (uint32_t)vtable;
    table.vtable_size = short_at(flat, table.vtable);
    table.size = short_at(flat, table.vtable + 2);
    if (!inside(flat, table.vtable, table.vtable_size) || !inside(flat, table.at, table.size)) {
        fail(flat, table.at, "a table");
        return (struct flat_table){0};
    }
    return table;
}

struct flat_table flat_root(struct flat *flat)
{
    return table_behind(flat, 0);
}

uint32_t flat_field(struct flat *flat, const struct flat_table *table, unsigned field,
                    uint32_t width)
{
    uint32_t slot = 4 + 2 * field;

    if (flat->failed < 0 || slot + 2 > table->vtable_size) {
        return 0;
    }
    uint32_t offset = short_at(flat, table->vtable + slot);
    if (offset == 0) {
        return 0;
    }
    if (offset + width > table->size) {
        fail(flat, table->at, "a field of the table");
        return 0;
    }
    return table->at + offset;
}

uint64_t flat_number(struct flat *flat, const struct flat_table *table, unsigned field,
                     uint32_t width)
{
    uint32_t at = flat_field(flat, table, field, width);
    uint64_t number = 0;

    if (at != 0) {
        memcpy(&number, flat->bytes + at, width);
    }
    return le64toh(number);
}

struct flat_vector flat_vector(struct flat *flat, const struct flat_table *table,
                               unsigned field, uint32_t element_size)
{
    uint32_t field_at = flat_field(flat, table, field, sizeof(uint32_t));
    struct flat_vector vector = {0};

    if (field_at == 0) {
        return vector;
    }
    uint32_t at = follow(flat, field_at, sizeof(uint32_t), "a vector");
    if (at == 0) {
        return vector;
    }
    uint32_t n = number_at(flat, at);
    if (!inside(flat, (uint64_t)at + sizeof(uint32_t), (uint64_t)n * element_size)) {
        fail(flat, at, "a vector");
        return vector;
    }
    vector.at = at + (uint32_t)sizeof(uint32_t);
    vector.n = n;
    return vector;
}

char *flat_text(struct flat *flat, const struct flat_table *table, unsigned field, size_t limit)
{
    struct flat_vector text = flat_vector(flat, table, field, 1);
    size_t n = text.n < limit ? text.n : limit;
    char *copy = text.at == 0 ? strdup("") : strndup((const char *)flat->bytes + text.at, n);

    if (copy == NULL) {
        abort();
    }
    return copy;
}

struct flat_table flat_table_at(struct flat *flat, const struct flat_vector *vector, uint32_t i)
{
    if (flat->failed < 0 || i >= vector->n) {
        return (struct flat_table){0};
    }
    return table_behind(flat, vector->at + i * (uint32_t)sizeof(uint32_t));
}

int32_t flat_int_at(struct flat *flat, const struct flat_vector *vector, uint32_t i)
{
    if (flat->failed < 0 || i >= vector->n) {
        return 0;
    }
    return (int32_t)number_at(flat, vector->at + i * (uint32_t)sizeof(uint32_t));
}
