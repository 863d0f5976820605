/* Events in, effects out: see core.h for how a frame survives, core_state.h for the parts. */
#include "stage/core.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "stage/core_state.h"

static void *copy_of(const void *array, size_t n, size_t size)
{
    void *copy = memory_new(n, size);

    if (n > 0) {
        memcpy(copy, array, n * size);
    }
    return copy;
}

static void count_readers(struct core *core)
{
    for (unsigned i = 0; i < core->config.n_operators; i++) {
        core->operators[i].output_base = core->n_local;
        core->n_local += core->operators[i].config.n_outputs;
    }
    core->local_readers = memory_new(core->n_local, 1);
    core->in_readers = memory_new(core->config.n_in, 1);
    for (unsigned i = 0; i < core->config.n_operators; i++) {
        const struct core_operator *reader = &core->operators[i].config;

        for (unsigned j = 0; j < reader->n_inputs; j++) {
            const struct core_input *input = &reader->inputs[j];

            assert(!input->local || input->source < i);
            if (input->local) {
                core->local_readers[core->operators[input->source].output_base + input->port]++;
            } else {
                core->in_readers[input->source]++;
            }
        }
    }
}

/* What reads the output of an operator that begins at a number begins no earlier: all
 * downstream of a checkpoint was done when it was made. */
static uint64_t first_number(const struct core *core, const struct core_operator *config)
{
    uint64_t first = config->sink || config->stateful ? config->mark : 0;

    for (unsigned i = 0; i < config->n_inputs; i++) {
        const struct core_input *input = &config->inputs[i];
        uint64_t next = input->local ? core->operators[input->source].next : 0;

        first = next > first ? next : first;
    }
    return first;
}

static void operators_create(struct core *core, const struct core_config *config)
{
    core->operators = memory_new(config->n_operators, sizeof(*core->operators));
    for (unsigned i = 0; i < config->n_operators; i++) {
        struct operator_state *state = &core->operators[i];

        assert(!config->operators[i].stateful || config->ordered);
        state->config = config->operators[i];
        state->next = first_number(core, &config->operators[i]);
        state->end = config->operators[i].source ? config->frames : CORE_ALL;
        state->kept = config->operators[i].mark;
        state->snapshot = CORE_ALL;
    }
}

struct core *core_create(const struct core_config *config)
{
    struct core *core = memory_new(1, sizeof(*core));

    assert(config->window > 0 && config->workers > 0);
    core->config = *config;
    core->config.operators = NULL;
    core->config.in = copy_of(config->in, config->n_in, sizeof(*config->in));
    core->config.out = copy_of(config->out, config->n_out, sizeof(*config->out));
    core->config.in_link_group =
        copy_of(config->in_link_group, config->n_in_links, sizeof(unsigned));
    core->config.out_link_group =
        copy_of(config->out_link_group, config->n_out_links, sizeof(unsigned));
    operators_create(core, config);
    core->in_links = memory_new(config->n_in_links, sizeof(*core->in_links));
    core->out_links = memory_new(config->n_out_links, sizeof(*core->out_links));
    for (unsigned i = 0; i < config->n_out_links; i++) {
        core->out_links[i].credit = memory_new(config->n_out, sizeof(unsigned));
        core->out_links[i].end_told = memory_new(config->n_out, sizeof(uint64_t));
    }
    core->in_end = memory_new(config->n_in, sizeof(uint64_t));
    memset(core->in_end, 0xff, config->n_in * sizeof(uint64_t));
    core->group_mark = memory_new(config->n_groups, sizeof(uint64_t));
    core->started = config->n_groups == 0;
    count_readers(core);
    slots_create(core);
    mark_raise(core, config->done);
    mark_update(core);
    return core;
}

void core_destroy(struct core *core)
{
    struct core_effect effect;

    if (core == NULL) {
        return;
    }
    while (core_next(core, &effect)) {
        core_effect_finish(&effect);
    }
    slots_destroy(core);
    for (unsigned i = 0; i < core->config.n_out_links; i++) {
        free(core->out_links[i].credit);
        free(core->out_links[i].end_told);
    }
    free(core->config.in);
    free(core->config.out);
    free(core->config.in_link_group);
    free(core->config.out_link_group);
    free(core->operators);
    free(core->in_links);
    free(core->out_links);
    free(core->in_end);
    free(core->group_mark);
    free(core->local_readers);
    free(core->in_readers);
    free(core->effects);
    free(core);
}

struct core_effect *core_emit(struct core *core, enum core_effect_kind kind)
{
    size_t place = core->first + core->n_effects;

    core->effects = memory_grow(core->effects, place, sizeof(*core->effects));
    core->effects[place] = (struct core_effect){.kind = kind};
    core->n_effects++;
    return &core->effects[place];
}

int core_next(struct core *core, struct core_effect *ret_effect)
{
    if (core->n_effects == 0) {
        free(core->effects);
        core->effects = NULL;
        core->first = 0;
        return 0;
    }
    *ret_effect = core->effects[core->first++];
    core->n_effects--;
    return 1;
}

void core_effect_finish(struct core_effect *effect)
{
    effect->frame = frame_unref(effect->frame);
    for (unsigned i = 0; i < effect->n_frames; i++) {
        effect->frames[i] = frame_unref(effect->frames[i]);
    }
    welcome_finish(&effect->welcome);
}

static void hear_group(struct core *core, const struct core_event *event)
{
    uint64_t *mark = &core->group_mark[core->config.out_link_group[event->link]];

    *mark = event->done > *mark ? event->done : *mark;
    if (event->done > core->out_links[event->link].told) {
        core->out_links[event->link].told = event->done;
    }
}

static void hear_mark(struct core *core, const struct core_event *event)
{
    if (event->out) {
        hear_group(core, event);
    } else {
        mark_raise(core, event->done);
    }
}

static void hear_end(struct core *core, const struct core_event *event)
{
    uint64_t *end = &core->in_end[event->channel];

    *end = event->end < *end ? event->end : *end;
}

/* A source that lived before has promised an end to its receivers: it keeps to it. */
static void hear_promised_end(struct core *core, uint64_t end)
{
    for (unsigned i = 0; i < core->config.n_operators && core->config.n_in == 0; i++) {
        struct operator_state *state = &core->operators[i];

        if (state->config.source && end < state->end) {
            state->end = end;
        }
    }
}

static int step(struct core *core, const struct core_event *event, struct error *err)
{
    switch (event->kind) {
    case CORE_HELLO_CAME:
        mark_raise(core, event->done);
        inbound_hello(core, event);
        return 0;
    case CORE_WELCOME_CAME:
        hear_group(core, event);
        mark_update(core);
        hear_promised_end(core, event->end);
        outbound_welcome(core, event);
        return 0;
    case CORE_READY_CAME:
        core->out_links[event->link].ready = true;
        core->started = core->started || outbound_all_groups_reached(core);
        return 0;
    case CORE_LINK_LOST:
        if (event->out) {
            outbound_lost(core, event->link);
        } else {
            core->in_links[event->link].up = false;
        }
        return 0;
    case CORE_FRAME_CAME:
        mark_raise(core, event->done);
        return inbound_frame(core, event, err);
    case CORE_CREDIT_CAME:
        core->out_links[event->link].credit[event->channel] += event->count;
        return 0;
    case CORE_DONE_CAME:
        hear_mark(core, event);
        return 0;
    case CORE_END_CAME:
        hear_end(core, event);
        return 0;
    case CORE_RAN:
        schedule_ran(core, event);
        return 0;
    case CORE_SOURCE_ENDED:
        schedule_source_ended(core, event);
        return 0;
    case CORE_SOURCE_LATER:
    case CORE_SOURCE_WOKEN:
        schedule_source_later(core, event);
        return 0;
    case CORE_SAVED:
    case CORE_KEPT:
        checkpoint_came(core, event);
        return 0;
    case CORE_DRAIN:
        core->draining = true;
        return 0;
    case CORE_CLOCK:
        core->wake = 0;
        return 0;
    }
    return 0;
}

int core_step(struct core *core, const struct core_event *event, struct error *err)
{
    core->now = event->now > core->now ? event->now : core->now;
    int r = step(core, event, err);

    if (r < 0) {
        frame_unref(event->frame);
        return r;
    }
    mark_update_ends(core);
    checkpoint_run(core, false);
    schedule_run(core);
    mark_update_ends(core);
    mark_update(core);
    outbound_send(core);
    schedule_run(core);
    checkpoint_run(core, core->running == 0);
    outbound_send_ends(core);
    mark_tell(core);
    schedule_wake(core);
    return 0;
}

uint64_t core_done(const struct core *core)
{
    return core->done;
}

void core_count(const struct core *core, struct core_counters *ret_counters)
{
    *ret_counters = core->counters;
    for (unsigned i = 0; i < core->config.n_operators; i++) {
        const struct operator_state *state = &core->operators[i];
        uint64_t taken = state->next < state->end ? state->next : state->end;

        if (state->config.source && taken != CORE_ALL && taken > ret_counters->accepted) {
            ret_counters->accepted = taken; /* in an earlier life */
        }
    }
}
