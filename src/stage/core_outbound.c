/* Out-channels: each number goes to one replica of a group, on all channels to that group. What
 * was sent is kept until the stage's mark has passed it; what a lost link held is sent again,
 * lowest number first, to whoever has credit. */
#include "stage/core_state.h"

void outbound_made(struct core *core, struct slot *slot, unsigned operator_id,
                   struct frame *const *frames)
{
    for (unsigned i = 0; i < core->config.n_out; i++) {
        const struct core_out_channel *channel = &core->config.out[i];

        if (channel->operator_id != operator_id || slot->out[i] != NULL) {
            continue;
        }
        slot->out[i] = frame_ref(frames[channel->port]);
        slot->out_state[i] = slot->out_state[i] == OUT_HAD ? OUT_SENT : OUT_UNSENT;
    }
    for (unsigned i = 0; i < core->operators[operator_id].config.n_outputs; i++) {
        frame_unref(frames[i]);
    }
}

unsigned outbound_backlog(const struct core *core, unsigned operator_id, uint64_t sequence)
{
    unsigned most = 0;

    for (unsigned i = 0; i < core->config.n_out; i++) {
        unsigned n = 0;

        if (core->config.out[i].operator_id != operator_id) {
            continue;
        }
        for (uint64_t s = core->done; s < sequence && s < slots_end(core); s++) {
            const struct slot *slot = slot_find(core, s);
            n += slot != NULL && slot->out_state[i] == OUT_UNSENT;
        }
        most = n > most ? n : most;
    }
    return most;
}

/* The ready link of a group with the most credit on a channel, or -1. */
static int choose_link(struct core *core, unsigned channel)
{
    const struct core_config *config = &core->config;
    unsigned group = config->out[channel].group, n = config->n_out_links, best_credit = 0;
    int best = -1;

    for (unsigned i = 0; i < n; i++) {
        unsigned link = (core->rotor + i) % n;

        if (config->out_link_group[link] == group && core->out_links[link].ready &&
            core->out_links[link].credit[channel] > best_credit) {
            best = (int)link;
            best_credit = core->out_links[link].credit[channel];
        }
    }
    core->rotor = best >= 0 ? (unsigned)best + 1 : core->rotor;
    return best;
}

static void send_frame(struct core *core, struct slot *slot, unsigned channel)
{
    int16_t *holder = &slot->holder[core->config.out[channel].group];
    int link = *holder >= 0 ? *holder : choose_link(core, channel);

    if (link < 0 || !core->out_links[link].ready ||
        core->out_links[link].credit[channel] == 0) {
        return;
    }
    struct core_effect *effect = core_emit(core, CORE_SEND_FRAME);
    effect->link = (unsigned)link;
    effect->channel = channel;
    effect->sequence = slot->sequence;
    effect->done = core->done;
    effect->frame = frame_ref(slot->out[channel]);
    core->out_links[link].credit[channel]--;
    core->out_links[link].told = core->done;
    *holder = (int16_t)link;
    slot->out_state[channel] = OUT_SENT;
}

void outbound_send(struct core *core)
{
    for (uint64_t s = core->done; s < slots_end(core); s++) {
        struct slot *slot = slot_find(core, s);

        for (unsigned i = 0; slot != NULL && i < core->config.n_out; i++) {
            if (slot->out_state[i] == OUT_UNSENT) {
                send_frame(core, slot, i);
            }
        }
    }
}

void outbound_send_ends(struct core *core)
{
    const struct core_config *config = &core->config;

    for (unsigned link = 0; link < config->n_out_links; link++) {
        struct out_link *state = &core->out_links[link];

        for (unsigned i = 0; state->ready && i < config->n_out; i++) {
            uint64_t end = core->operators[config->out[i].operator_id].end;

            if (config->out[i].group != config->out_link_group[link] ||
                end == state->end_told[i]) {
                continue;
            }
            struct core_effect *effect = core_emit(core, CORE_SEND_END);
            effect->link = link;
            effect->channel = i;
            effect->done = core->done;
            effect->end = end;
            state->end_told[i] = end;
        }
    }
}

bool outbound_all_groups_reached(const struct core *core)
{
    for (unsigned group = 0; group < core->config.n_groups; group++) {
        bool reached = false;

        for (unsigned link = 0; link < core->config.n_out_links; link++) {
            reached = reached || (core->config.out_link_group[link] == group &&
                                  core->out_links[link].ready);
        }
        if (!reached) {
            return false;
        }
    }
    return true;
}

static void receiver_has(struct core *core, struct slot *slot, unsigned link, unsigned channel)
{
    int16_t *holder = &slot->holder[core->config.out[channel].group];
    uint8_t *state = &slot->out_state[channel];

    if (*holder < 0 || *holder == (int)link) {
        *holder = (int16_t)link;
        *state = *state == OUT_NONE ? OUT_HAD : *state == OUT_UNSENT ? OUT_SENT : *state;
    }
}

void outbound_welcome(struct core *core, const struct core_event *event)
{
    struct out_link *link = &core->out_links[event->link];
    const struct welcome *welcome = event->welcome;

    link->credit[event->channel] = welcome->credit;
    link->end_told[event->channel] = CORE_ALL;
    link->told = event->done;
    for (uint32_t i = 0; i < welcome->n_ranges; i++) {
        uint64_t s = welcome->ranges[i].first;
        uint64_t end = s + welcome->ranges[i].n;

        s = s > core->done ? s : core->done;
        for (; s < end && s - core->done < core->config.window; s++) {
            receiver_has(core, slot_at(core, s), event->link, event->channel);
            core->least_end = s >= core->least_end ? s + 1 : core->least_end;
        }
    }
}

void outbound_lost(struct core *core, unsigned link)
{
    unsigned group = core->config.out_link_group[link];

    core->out_links[link].ready = false;
    for (uint64_t s = core->done; s < slots_end(core); s++) {
        struct slot *slot = slot_find(core, s);

        if (slot == NULL || slot->holder[group] != (int)link) {
            continue;
        }
        slot->holder[group] = -1;
        for (unsigned i = 0; i < core->config.n_out; i++) {
            uint8_t *state = &slot->out_state[i];

            if (core->config.out[i].group != group) {
                continue;
            }
            if (*state == OUT_SENT) {
                *state = OUT_UNSENT;
                core->counters.resent++;
            } else if (*state == OUT_HAD) {
                *state = OUT_NONE;
            }
        }
    }
}
