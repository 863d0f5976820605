#include "wire/welcome.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

void welcome_add(struct welcome *welcome, uint64_t sequence)
{
    uint32_t n = welcome->n_ranges;

    if (n > 0 && welcome->ranges[n - 1].first + welcome->ranges[n - 1].n == sequence) {
        welcome->ranges[n - 1].n++;
    } else if (n < WELCOME_RANGES_MAX) {
        welcome->ranges = memory_grow(welcome->ranges, n, sizeof(*welcome->ranges));
        welcome->ranges[welcome->n_ranges++] = (struct welcome_range){sequence, 1};
    }
}

int welcome_has(const struct welcome *welcome, uint64_t sequence)
{
    for (uint32_t i = 0; i < welcome->n_ranges; i++) {
        if (sequence >= welcome->ranges[i].first &&
            sequence - welcome->ranges[i].first < welcome->ranges[i].n) {
            return 1;
        }
    }
    return 0;
}

void welcome_finish(struct welcome *welcome)
{
    free(welcome->ranges);
    *welcome = (struct welcome){0};
}

size_t welcome_payload_size(const struct welcome *welcome)
{
    return 8 + 16 * (size_t)welcome->n_ranges;
}

void welcome_encode(const struct welcome *welcome, uint8_t *payload)
{
    const uint32_t head[2] = {htole32(welcome->credit), htole32(welcome->n_ranges)};

    memcpy(payload, head, sizeof(head));
    for (uint32_t i = 0; i < welcome->n_ranges; i++) {
        const uint64_t range[2] = {htole64(welcome->ranges[i].first),
                                   htole64(welcome->ranges[i].n)};
        memcpy(payload + 8 + 16 * (size_t)i, range, sizeof(range));
    }
}

int welcome_decode(const uint8_t *payload, size_t size, struct welcome *ret_welcome,
                   struct error *err)
{
    uint32_t head[2];

    if (size < sizeof(head)) {
        return error_set(err, -EPROTO, "a welcome of %zu bytes is cut short", size);
    }
    memcpy(head, payload, sizeof(head));
    uint32_t n = le32toh(head[1]);
    if (n > WELCOME_RANGES_MAX || size != 8 + 16 * (size_t)n) {
        return error_set(err, -EPROTO, "a welcome with %u ranges in %zu bytes", n, size);
    }
    ret_welcome->credit = le32toh(head[0]);
    ret_welcome->n_ranges = n;
    ret_welcome->ranges = memory_new(n, sizeof(*ret_welcome->ranges));
    for (uint32_t i = 0; i < n; i++) {
        uint64_t range[2];
        memcpy(range, payload + 8 + 16 * (size_t)i, sizeof(range));
        ret_welcome->ranges[i] = (struct welcome_range){le64toh(range[0]), le64toh(range[1])};
    }
    return 0;
}
