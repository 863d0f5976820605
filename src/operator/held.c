#include "operator/held.h"

#include <stdlib.h>

#include "operator/readings.h"

static bool is_before(const struct held_reading *a, const struct held_reading *b)
{
    return a->time < b->time || (a->time == b->time && a->arrival < b->arrival);
}

static void resize(struct held *held, size_t room)
{
    struct held_reading *heap = reallocarray(held->heap, room, sizeof(*heap));

    if (heap == NULL) {
        abort();
    }
    held->heap = heap;
    held->room = room;
}

void held_push(struct held *held, const struct held_reading *reading)
{
    if (held->n == held->room) {
        resize(held, held->room == 0 ? 16 : 2 * held->room);
    }
    size_t at = held->n++;
    while (at > 0 && is_before(reading, &held->heap[(at - 1) / 2])) {
        held->heap[at] = held->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    held->heap[at] = *reading;
}

struct held_reading held_pop(struct held *held)
{
    struct held_reading first = held->heap[0];
    struct held_reading last = held->heap[--held->n];
    size_t at = 0;

    for (size_t next = 1; next < held->n; next = 2 * at + 1) {
        if (next + 1 < held->n && is_before(&held->heap[next + 1], &held->heap[next])) {
            next++;
        }
        if (!is_before(&held->heap[next], &last)) {
            break;
        }
        held->heap[at] = held->heap[next];
        at = next;
    }
    held->heap[at] = last;
    if (held->room > 64 && held->n < held->room / 4) {
        resize(held, held->room / 2);
    }
    return first;
}

void held_save(const struct held *held, struct keep *keep)
{
    keep_u64(keep, held->n);
    for (size_t i = 0; i < held->n; i++) {
        keep_f64(keep, held->heap[i].time);
        keep_f64(keep, held->heap[i].value);
        keep_u64(keep, held->heap[i].arrival);
        keep_u64(keep, held->heap[i].key);
    }
}

void held_restore(struct held *held, struct kept *kept, size_t most, uint32_t n_keys)
{
    size_t n = kept_count(kept, most, 32);

    if (n > 0 && n_keys == 0) {
        kept->torn = true;
    }
    for (size_t i = 0; i < n && !kept->torn; i++) {
        struct held_reading reading;

        reading.time = kept_f64(kept);
        reading.value = kept_f64(kept);
        reading.arrival = kept_u64(kept, UINT64_MAX);
        reading.key = (uint32_t)kept_u64(kept, n_keys - 1U);
        kept->torn =
            kept->torn ||
            !reading_is_usable(&(struct reading){.time = reading.time, .value = reading.value});
        held_push(held, &reading);
    }
}

void held_finish(struct held *held)
{
    free(held->heap);
    *held = (struct held){0};
}
