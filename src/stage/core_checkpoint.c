/* When stateful operators are saved: see core.h. */
#include "stage/core_state.h"

enum { SHARE = 4 }; /* of the window: so many frames are worth a snapshot while there is work */

/* Whether there is something to save, and enough of it, or time. */
static bool due(const struct core *core, unsigned operator_id, bool idle)
{
    const struct operator_state *state = &core->operators[operator_id];

    return !state->busy && state->next > state->kept &&
           (idle || state->next - state->kept > core->config.window / SHARE);
}

static void emit(struct core *core, enum core_effect_kind kind, unsigned operator_id)
{
    struct core_effect *effect = core_emit(core, kind);

    effect->operator_id = operator_id;
    effect->sequence = core->operators[operator_id].snapshot;
}

void checkpoint_run(struct core *core, bool idle)
{
    for (unsigned i = core->config.n_operators; i-- > 0;) {
        struct operator_state *state = &core->operators[i];

        if (!state->config.stateful || state->saving || state->keeping) {
            continue;
        }
        if (state->snapshot != CORE_ALL && mark_least(core, i + 1) >= state->snapshot) {
            state->keeping = true;
            emit(core, CORE_KEEP, i);
        } else if (state->snapshot == CORE_ALL && due(core, i, idle)) {
            state->snapshot = state->next;
            state->saving = state->busy = true;
            core->running++;
            emit(core, CORE_SAVE, i);
        }
    }
}

void checkpoint_came(struct core *core, const struct core_event *event)
{
    struct operator_state *state = &core->operators[event->operator_id];

    if (event->kind == CORE_SAVED) {
        state->saving = state->busy = false;
        core->running--;
    } else {
        state->kept = state->snapshot;
        state->snapshot = CORE_ALL;
        state->keeping = false;
    }
}
