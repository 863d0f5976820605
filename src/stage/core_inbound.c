/* In-channels: a number that was seen is dropped; a frame that can run holds its credit until
 * an operator takes it, one that must wait for others gives it back at once. */
#include <errno.h>

#include "base/error.h"
#include "stage/core_state.h"

static void give_credit(struct core *core, unsigned link, unsigned channel)
{
    if (core->in_links[link].up) {
        struct core_effect *effect = core_emit(core, CORE_SEND_CREDIT);

        effect->link = link;
        effect->channel = channel;
        effect->count = 1;
    }
}

void inbound_hello(struct core *core, const struct core_event *event)
{
    const struct core_config *config = &core->config;

    core->in_links[event->link].up = true;
    core->in_links[event->link].told = core->done;
    for (unsigned i = 0; i < config->n_in; i++) {
        if (config->in[i].group != config->in_link_group[event->link]) {
            continue;
        }
        struct core_effect *effect = core_emit(core, CORE_SEND_WELCOME);
        effect->link = event->link;
        effect->channel = i;
        effect->done = core->done;
        effect->end = core->in_end[i];
        effect->welcome.credit = config->in[i].credit;
        for (uint64_t s = core->done; s < slots_end(core); s++) {
            const struct slot *slot = slot_find(core, s);
            if (slot != NULL && slot->seen[i]) {
                welcome_add(&effect->welcome, s);
            }
        }
    }
    core_emit(core, CORE_SEND_READY)->link = event->link;
}

static unsigned reader_of(const struct core *core, unsigned channel)
{
    for (unsigned i = 0; i < core->config.n_operators; i++) {
        const struct core_operator *reader = &core->operators[i].config;

        for (unsigned j = 0; j < reader->n_inputs; j++) {
            if (!reader->inputs[j].local && reader->inputs[j].source == channel) {
                return i;
            }
        }
    }
    return core->config.n_operators;
}

/* Whether the reader of a frame can come to it without waiting for anything from elsewhere. */
static bool can_run(const struct core *core, unsigned reader, const struct slot *slot)
{
    const struct operator_state *state = &core->operators[reader];

    if (!schedule_complete(core, reader, slot)) {
        return false;
    }
    for (uint64_t s = state->next; core->config.ordered && s < slot->sequence; s++) {
        const struct slot *earlier = s >= core->done ? slot_find(core, s) : NULL;
        bool runs = earlier != NULL && earlier->turn[reader] == TURN_RUNS;

        if (!runs && !schedule_complete(core, reader, earlier)) {
            return false;
        }
    }
    return true;
}

int inbound_frame(struct core *core, const struct core_event *event, struct error *err)
{
    unsigned channel = event->channel;
    uint64_t sequence = event->frame->sequence;
    bool old = sequence < core->done || sequence >= core->in_end[channel];

    if (!old && sequence - core->done >= core->config.window) {
        return error_set(err, -EPROTO, "frame %llu is outside the window of %u from %llu",
                         (unsigned long long)sequence, core->config.window,
                         (unsigned long long)core->done);
    }
    struct slot *slot = old ? NULL : slot_at(core, sequence);
    if (old || slot->seen[channel]) {
        core->counters.repeated++;
        frame_unref(event->frame);
        give_credit(core, event->link, channel);
        return 0;
    }
    slot->seen[channel] = 1;
    if (slot->in_left[channel] == 0) {
        frame_unref(event->frame);
        give_credit(core, event->link, channel);
        return 0;
    }
    slot->in[channel] = event->frame;
    unsigned reader = reader_of(core, channel);
    if (can_run(core, reader, slot)) {
        slot->credit_link[channel] = (uint16_t)(event->link + 1);
    } else {
        give_credit(core, event->link, channel);
    }
    return 0;
}

static void free_credit(struct core *core, struct slot *slot, unsigned channel)
{
    if (slot->credit_link[channel] != 0) {
        give_credit(core, slot->credit_link[channel] - 1u, channel);
        slot->credit_link[channel] = 0;
    }
}

void inbound_taken(struct core *core, struct slot *slot, unsigned operator_id)
{
    const struct core_operator *config = &core->operators[operator_id].config;

    for (unsigned i = 0; i < config->n_inputs; i++) {
        if (!config->inputs[i].local) {
            free_credit(core, slot, config->inputs[i].source);
        }
    }
}

void inbound_give_back(struct core *core, struct slot *slot)
{
    for (unsigned i = 0; i < core->config.n_in; i++) {
        free_credit(core, slot, i);
    }
}
