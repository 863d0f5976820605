#include "controller/standing.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

void standing_init(struct standing *standing, size_t n_devices)
{
    *standing = (struct standing){
        .n_devices = n_devices,
        .devices = memory_new(n_devices, sizeof(*standing->devices)),
    };
}

void standing_finish(struct standing *standing)
{
    memory_free(&standing->devices);
    *standing = (struct standing){0};
}

static bool is_doubted(const struct standing_device *device, uint64_t now)
{
    return device->doubted && now - device->doubted_at < STANDING_DOUBT_MS;
}

void standing_told(struct standing *standing, size_t device, bool usable, uint64_t now)
{
    struct standing_device *state = &standing->devices[device];

    if (usable && state->unusable) {
        state->doubted = false;
        state->since = now;
    }
    state->unusable = !usable;
}

void standing_silent(struct standing *standing, size_t device, uint64_t now)
{
    standing->devices[device].doubted = true;
    standing->devices[device].doubted_at = now;
}

void standing_heard(struct standing *standing, size_t device, uint64_t now)
{
    struct standing_device *state = &standing->devices[device];

    if (state->doubted) {
        state->doubted = false;
        state->since = now;
    }
}

bool standing_usable(const struct standing *standing, size_t device, uint64_t now)
{
    const struct standing_device *state = &standing->devices[device];

    return !state->unusable && !is_doubted(state, now);
}

bool standing_steady(const struct standing *standing, size_t device, uint64_t now)
{
    const struct standing_device *state = &standing->devices[device];
    uint64_t since = state->doubted ? state->doubted_at + STANDING_DOUBT_MS : state->since;

    return standing_usable(standing, device, now) && now - since >= STANDING_STEADY_MS;
}

static bool has(const struct standing_offer *offer, const char *word)
{
    for (size_t i = 0; i < offer->n_has; i++) {
        if (strcmp(offer->has[i], word) == 0) {
            return true;
        }
    }
    return false;
}

static bool fits(const struct standing_offer *offer, const struct standing_need *need)
{
    for (size_t i = 0; i < need->n_has; i++) {
        if (!has(offer, need->has[i])) {
            return false;
        }
    }
    return offer->memory == 0 || offer->memory_taken + need->memory <= offer->memory;
}

size_t standing_choose(const struct standing *standing, const struct standing_need *need,
                       const struct standing_offer *offers, uint64_t now)
{
    size_t best = SIZE_MAX;
    double least = 0;

    for (size_t i = 0; i < standing->n_devices; i++) {
        const struct standing_offer *offer = &offers[i];
        double busy = (offer->cores_taken + need->cores) / offer->cores;

        if (!standing_usable(standing, i, now) || !fits(offer, need) ||
            (need->excluded != NULL && need->excluded[i])) {
            continue;
        }
        if (best == SIZE_MAX || busy < least) {
            best = i;
            least = busy;
        }
    }
    return best;
}
