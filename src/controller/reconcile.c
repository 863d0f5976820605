#include "controller/reconcile.h"

#include <stdlib.h>

#include "base/memory.h"

void reconcile_init(struct reconcile *reconcile, size_t n_stages, uint64_t patience)
{
    *reconcile = (struct reconcile){
        .n_stages = n_stages,
        .patience = patience,
        .stages = memory_new(n_stages, sizeof(struct reconcile_stage)),
    };
}

void reconcile_finish(struct reconcile *reconcile)
{
    free(reconcile->stages);
    *reconcile = (struct reconcile){0};
}

static uint64_t next_try(const struct reconcile_stage *state, uint64_t now)
{
    return state->tries == 0 ? now : now + ((uint64_t)RECONCILE_WAIT_MS << state->tries) / 2;
}

void reconcile_saw(struct reconcile *reconcile, size_t stage, enum reconcile_sight sight,
                   uint64_t now)
{
    struct reconcile_stage *state = &reconcile->stages[stage];

    switch (sight) {
    case RECONCILE_SAW_HELLO:
        if (state->phase == RECONCILE_STARTING) {
            state->phase = RECONCILE_GREETED;
        }
        break;
    case RECONCILE_SAW_READY:
        state->phase = RECONCILE_READY;
        state->adopted = false;
        state->heard = reconcile->generation;
        reconcile->generation++;
        break;
    case RECONCILE_SAW_PROGRESS:
        state->progressed = true;
        break;
    case RECONCILE_SAW_GONE:
        state->tries = state->progressed ? 0 : state->tries + 1;
        state->progressed = false;
        state->not_before = next_try(state, now);
        state->phase = RECONCILE_ABSENT;
        break;
    case RECONCILE_SAW_ENDED:
        state->progressed = false;
        state->tries = state->silent ? state->tries : 0;
        state->silent = false;
        state->not_before = next_try(state, now);
        state->phase = RECONCILE_ABSENT;
        break;
    case RECONCILE_SAW_SILENT:
        state->tries = state->progressed ? 0 : state->tries + 1;
        state->silent = true;
        state->phase = RECONCILE_ENDING;
        reconcile->generation++;
        break;
    case RECONCILE_SAW_NO_PLACE:
        state->not_before = now + RECONCILE_PLACE_MS;
        state->phase = RECONCILE_ABSENT;
        break;
    }
}

void reconcile_outdate(struct reconcile *reconcile, size_t stage)
{
    reconcile->stages[stage].outdated = true;
}

void reconcile_adopt(struct reconcile *reconcile, size_t stage)
{
    reconcile->stages[stage].phase = RECONCILE_READY;
    reconcile->stages[stage].adopted = true;
    reconcile->stages[stage].heard = reconcile->generation;
}

void reconcile_end(struct reconcile *reconcile, size_t stage)
{
    reconcile->stages[stage].phase = RECONCILE_ENDING;
}

void reconcile_forgive(struct reconcile *reconcile, size_t stage, uint64_t now)
{
    reconcile->stages[stage].tries = 0;
    reconcile->stages[stage].not_before = now;
}

/* One at a time. */
static bool may_renew(const struct reconcile *reconcile, size_t i)
{
    return reconcile->stages[i].outdated && !reconcile->stages[i].adopted &&
           reconcile_count(reconcile, RECONCILE_READY) == reconcile->n_stages;
}

static enum reconcile_kind next_for(struct reconcile *reconcile, size_t i, uint64_t now,
                                    uint64_t *ret_when)
{
    struct reconcile_stage *state = &reconcile->stages[i];

    switch (state->phase) {
    case RECONCILE_ABSENT:
        if (state->tries >= RECONCILE_TRIES) {
            return RECONCILE_GIVE_UP;
        }
        *ret_when = state->not_before;
        if (now < state->not_before) {
            return RECONCILE_NOTHING;
        }
        state->phase = RECONCILE_STARTING;
        state->since = now;
        return RECONCILE_START;
    case RECONCILE_STARTING:
        *ret_when = state->since + reconcile->patience;
        if (now < *ret_when) {
            return RECONCILE_NOTHING;
        }
        reconcile_saw(reconcile, i, RECONCILE_SAW_GONE, now);
        return RECONCILE_STOP;
    case RECONCILE_GREETED:
        state->phase = RECONCILE_CONFIGURED;
        state->outdated = false;
        state->heard = reconcile->generation;
        return RECONCILE_CONFIGURE;
    case RECONCILE_CONFIGURED:
    case RECONCILE_READY:
        if (state->heard != reconcile->generation) {
            state->heard = reconcile->generation;
            return RECONCILE_TELL_PEERS;
        }
        if (may_renew(reconcile, i)) {
            state->phase = RECONCILE_ENDING;
            return RECONCILE_RENEW;
        }
        return RECONCILE_NOTHING;
    case RECONCILE_ENDING:
        return RECONCILE_NOTHING;
    }
    return RECONCILE_NOTHING;
}

struct reconcile_action reconcile_next(struct reconcile *reconcile, uint64_t now)
{
    struct reconcile_action action = {.kind = RECONCILE_NOTHING};

    for (size_t i = 0; i < reconcile->n_stages; i++) {
        uint64_t when = 0;
        enum reconcile_kind kind = next_for(reconcile, i, now, &when);

        if (kind != RECONCILE_NOTHING) {
            return (struct reconcile_action){.kind = kind, .stage = i};
        }
        if (when > 0 && (action.when == 0 || when < action.when)) {
            action.when = when;
        }
    }
    return action;
}

size_t reconcile_count(const struct reconcile *reconcile, enum reconcile_phase phase)
{
    size_t n = 0;

    for (size_t i = 0; i < reconcile->n_stages; i++) {
        n += reconcile->stages[i].phase == phase;
    }
    return n;
}
