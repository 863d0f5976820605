/* Marks and ends. A mark is a number below which everything is done; the stage's is the least
 * of its outputs', where a sink's is the next number it will take (all, once its end is
 * reached) and a group's is the greatest that any of its replicas told. What a stateful
 * operator has on disk counts like an output. */
#include "stage/core_state.h"

void mark_update_ends(struct core *core)
{
    for (unsigned i = 0; i < core->config.n_operators; i++) {
        struct operator_state *state = &core->operators[i];

        for (unsigned j = 0; j < state->config.n_inputs; j++) {
            const struct core_input *input = &state->config.inputs[j];
            uint64_t end =
                input->local ? core->operators[input->source].end : core->in_end[input->source];
            state->end = end < state->end ? end : state->end;
        }
        if (state->config.source && core->draining && !state->busy && state->end == CORE_ALL &&
            core->started && state->next >= core->least_end) {
            state->end = state->next;
        }
    }
}

void mark_raise(struct core *core, uint64_t done)
{
    if (done <= core->done) {
        return;
    }
    for (uint64_t s = core->done; s < done && s < slots_end(core); s++) {
        struct slot *slot = slot_find(core, s);
        if (slot != NULL) {
            inbound_give_back(core, slot);
            slot_release(core, slot);
        }
    }
    core->done = done;
    for (unsigned i = 0; i < core->config.n_operators; i++) {
        struct operator_state *state = &core->operators[i];
        state->next = state->next > done ? state->next : done;
    }
    if (done == CORE_ALL && !core->finished) {
        core->finished = true;
        core_emit(core, CORE_FINISHED);
    }
}

uint64_t mark_least(const struct core *core, unsigned first)
{
    uint64_t least = CORE_ALL;

    for (unsigned i = first; i < core->config.n_operators; i++) {
        const struct operator_state *state = &core->operators[i];

        if (state->config.sink && state->next < state->end && state->next < least) {
            least = state->next;
        }
        if (state->config.stateful && state->kept < state->end && state->kept < least) {
            least = state->kept;
        }
    }
    for (unsigned i = 0; i < core->config.n_groups; i++) {
        least = core->group_mark[i] < least ? core->group_mark[i] : least;
    }
    return least;
}

void mark_update(struct core *core)
{
    mark_raise(core, mark_least(core, 0));
}

void mark_tell(struct core *core)
{
    for (unsigned i = 0; i < core->config.n_in_links; i++) {
        struct in_link *link = &core->in_links[i];

        if (link->up && link->told < core->done) {
            struct core_effect *effect = core_emit(core, CORE_SEND_DONE);
            effect->link = i;
            effect->done = link->told = core->done;
        }
    }
    for (unsigned i = 0; i < core->config.n_out_links; i++) {
        struct out_link *link = &core->out_links[i];

        if (link->ready && link->told < core->done) {
            struct core_effect *effect = core_emit(core, CORE_SEND_DONE);
            effect->out = true;
            effect->link = i;
            effect->done = link->told = core->done;
        }
    }
}
