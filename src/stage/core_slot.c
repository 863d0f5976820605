/* What is known of each sequence number under way: a ring of `window` slots. Everything that a
 * number holds on to goes at the latest when the stage's mark passes it. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "stage/core_state.h"

void slots_create(struct core *core)
{
    const struct core_config *config = &core->config;

    core->slots = memory_new(config->window, sizeof(*core->slots));
    for (unsigned i = 0; i < config->window; i++) {
        struct slot *slot = &core->slots[i];

        slot->in = memory_new(config->n_in, sizeof(struct frame *));
        slot->out = memory_new(config->n_out, sizeof(struct frame *));
        slot->local = memory_new(core->n_local, sizeof(struct frame *));
        slot->seen = memory_new(config->n_in, 1);
        slot->out_state = memory_new(config->n_out, 1);
        slot->turn = memory_new(config->n_operators, 1);
        slot->in_left = memory_new(config->n_in, 1);
        slot->local_left = memory_new(core->n_local, 1);
        slot->credit_link = memory_new(config->n_in, sizeof(uint16_t));
        slot->holder = memory_new(config->n_groups, sizeof(int16_t));
    }
}

void slots_destroy(struct core *core)
{
    for (unsigned i = 0; i < core->config.window; i++) {
        struct slot *slot = &core->slots[i];

        slot_release(core, slot);
        free(slot->in);
        free(slot->out);
        free(slot->local);
        free(slot->seen);
        free(slot->out_state);
        free(slot->turn);
        free(slot->in_left);
        free(slot->local_left);
        free(slot->credit_link);
        free(slot->holder);
    }
    free(core->slots);
}

uint64_t slots_end(const struct core *core)
{
    return core->highest > core->done ? core->highest : core->done;
}

struct slot *slot_find(const struct core *core, uint64_t sequence)
{
    struct slot *slot = &core->slots[sequence % core->config.window];

    return slot->used && slot->sequence == sequence ? slot : NULL;
}

struct slot *slot_at(struct core *core, uint64_t sequence)
{
    const struct core_config *config = &core->config;
    struct slot *slot = &core->slots[sequence % config->window];

    assert(sequence >= core->done && sequence - core->done < config->window);
    if (slot->used) {
        assert(slot->sequence == sequence);
        return slot;
    }
    slot->used = true;
    slot->sequence = sequence;
    memset(slot->seen, 0, config->n_in);
    memset(slot->out_state, OUT_NONE, config->n_out);
    memset(slot->turn, TURN_WAITS, config->n_operators);
    memcpy(slot->in_left, core->in_readers, config->n_in);
    memcpy(slot->local_left, core->local_readers, core->n_local);
    memset(slot->credit_link, 0, config->n_in * sizeof(*slot->credit_link));
    for (unsigned i = 0; i < config->n_groups; i++) {
        slot->holder[i] = -1;
    }
    for (unsigned i = 0; i < config->n_operators; i++) {
        if (config->ordered && sequence < core->operators[i].next) {
            slot->turn[i] = TURN_OVER;
            slot_reader_through(core, slot, i);
        }
    }
    if (sequence >= core->highest) {
        core->highest = sequence + 1;
    }
    return slot;
}

static void drop(struct frame **frame)
{
    *frame = frame_unref(*frame);
}

void slot_release(struct core *core, struct slot *slot)
{
    for (unsigned i = 0; i < core->config.n_in; i++) {
        drop(&slot->in[i]);
    }
    for (unsigned i = 0; i < core->config.n_out; i++) {
        drop(&slot->out[i]);
    }
    for (unsigned i = 0; i < core->n_local; i++) {
        drop(&slot->local[i]);
    }
    slot->used = false;
}

void slot_reader_through(const struct core *core, struct slot *slot, unsigned operator_id)
{
    const struct core_operator *config = &core->operators[operator_id].config;

    for (unsigned i = 0; i < config->n_inputs; i++) {
        const struct core_input *input = &config->inputs[i];
        unsigned index = input->source;

        if (input->local) {
            index = core->operators[input->source].output_base + input->port;
            if (--slot->local_left[index] == 0) {
                drop(&slot->local[index]);
            }
        } else if (--slot->in_left[index] == 0) {
            drop(&slot->in[index]);
        }
    }
}
