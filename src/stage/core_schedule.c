/* Which operator runs next: the lowest sequence number that can run, and of one number the
 * operator furthest downstream, so that frames leave before new ones enter. An operator pauses
 * while CORE_BACKLOG of its earlier frames wait behind it. */
#include <string.h>

#include "base/memory.h"
#include "stage/core_state.h"

static struct frame **input_place(const struct core *core, const struct slot *slot,
                                  const struct core_input *input)
{
    if (!input->local) {
        return &slot->in[input->source];
    }
    return &slot->local[core->operators[input->source].output_base + input->port];
}

bool schedule_complete(const struct core *core, unsigned operator_id, const struct slot *slot)
{
    const struct operator_state *state = &core->operators[operator_id];

    if (slot == NULL || slot->turn[operator_id] != TURN_WAITS || slot->sequence >= state->end) {
        return false;
    }
    for (unsigned i = 0; i < state->config.n_inputs; i++) {
        if (*input_place(core, slot, &state->config.inputs[i]) == NULL) {
            return false;
        }
    }
    return true;
}

/* Frames before `sequence` that wait at an operator and could run. */
static unsigned waiting_before(const struct core *core, unsigned operator_id, uint64_t sequence)
{
    const struct operator_state *state = &core->operators[operator_id];
    uint64_t i = core->config.ordered ? state->next : core->done;
    unsigned n = 0;

    for (i = i > core->done ? i : core->done; i < sequence && i < slots_end(core); i++) {
        if (schedule_complete(core, operator_id, slot_find(core, i))) {
            n++;
        } else if (core->config.ordered && !(i == state->next && state->busy)) {
            break;
        }
    }
    return n;
}

unsigned core_queue(const struct core *core, unsigned operator_id)
{
    return core->operators[operator_id].config.source
               ? 0
               : waiting_before(core, operator_id, slots_end(core));
}

static bool backlogged(const struct core *core, unsigned operator_id, uint64_t sequence)
{
    if (outbound_backlog(core, operator_id, sequence) >= CORE_BACKLOG) {
        return true;
    }
    for (unsigned i = operator_id + 1; i < core->config.n_operators; i++) {
        const struct core_operator *reader = &core->operators[i].config;

        for (unsigned j = 0; j < reader->n_inputs; j++) {
            if (reader->inputs[j].local && reader->inputs[j].source == operator_id &&
                waiting_before(core, i, sequence) >= CORE_BACKLOG) {
                return true;
            }
        }
    }
    return false;
}

static bool source_may_run(const struct core *core, const struct operator_state *state)
{
    return core->started && state->next < state->end &&
           state->next - core->done < core->config.window && core->now >= state->not_before;
}

/* Finds the lowest number that an operator could take now. */
static bool find_turn(const struct core *core, unsigned operator_id, uint64_t *ret_sequence)
{
    const struct operator_state *state = &core->operators[operator_id];
    bool ordered = core->config.ordered;
    uint64_t first = ordered ? state->next : core->done;
    uint64_t end = ordered ? first + 1 : slots_end(core);

    if (state->busy || core->finished) {
        return false;
    }
    if (state->config.source) {
        *ret_sequence = state->next;
        return source_may_run(core, state) && !backlogged(core, operator_id, state->next);
    }
    for (uint64_t i = first; i < end && i < slots_end(core); i++) {
        if (schedule_complete(core, operator_id, slot_find(core, i)) &&
            !backlogged(core, operator_id, i)) {
            *ret_sequence = i;
            return true;
        }
    }
    return false;
}

static void turn_over(struct core *core, unsigned operator_id, uint64_t sequence,
                      struct frame *const *frames)
{
    struct operator_state *state = &core->operators[operator_id];
    struct slot *slot = sequence >= core->done ? slot_find(core, sequence) : NULL;

    if (core->config.ordered && sequence >= state->next) {
        state->next = sequence + 1;
    }
    if (state->config.sink) {
        core->counters.delivered++;
    }
    if (slot == NULL) { /* the mark has passed it while it ran */
        for (unsigned i = 0; i < state->config.n_outputs; i++) {
            frame_unref(frames[i]);
        }
        return;
    }
    slot->turn[operator_id] = TURN_OVER;
    slot_reader_through(core, slot, operator_id);
    for (unsigned i = 0; i < state->config.n_outputs; i++) {
        if (slot->local_left[state->output_base + i] > 0) {
            slot->local[state->output_base + i] = frame_ref(frames[i]);
        }
    }
    outbound_made(core, slot, operator_id, frames);
}

/* The frame for whose want of tensors there is nothing to do; NULL: there is something. */
static const struct frame *nothing_to_do(const struct core *core, unsigned operator_id,
                                         const struct slot *slot)
{
    const struct core_operator *config = &core->operators[operator_id].config;
    const struct frame *empty = NULL;
    unsigned n = 0;

    for (unsigned i = 0; i < config->n_inputs; i++) {
        const struct frame *frame = *input_place(core, slot, &config->inputs[i]);

        if (frame->n_tensors == 0) {
            empty = empty == NULL ? frame : empty;
            n++;
        }
    }
    return config->merges && n < config->n_inputs ? NULL : empty;
}

/* An input without tensors makes outputs without tensors, and nobody is asked; but a sink is
 * told of every number, for it keeps count. */
static bool pass_empty(struct core *core, unsigned operator_id, struct slot *slot)
{
    const struct core_operator *config = &core->operators[operator_id].config;
    struct frame *frames[CORE_OUTPUTS_MAX];
    const struct frame *empty = nothing_to_do(core, operator_id, slot);

    if (empty == NULL || config->sink) {
        return false;
    }
    for (unsigned i = 0; i < config->n_outputs; i++) {
        frames[i] = frame_create(slot->sequence, empty->captured_ns, &empty->view, 0, NULL);
        frame_set_origin(frames[i], empty->origin);
    }
    inbound_taken(core, slot, operator_id);
    turn_over(core, operator_id, slot->sequence, frames);
    return true;
}

static void take_turn(struct core *core, unsigned operator_id, uint64_t sequence)
{
    struct operator_state *state = &core->operators[operator_id];
    struct slot *slot = slot_at(core, sequence);

    if (pass_empty(core, operator_id, slot)) {
        return;
    }
    struct core_effect *effect = core_emit(core, CORE_RUN);
    effect->operator_id = operator_id;
    effect->sequence = sequence;
    effect->n_frames = state->config.n_inputs;
    for (unsigned i = 0; i < state->config.n_inputs; i++) {
        effect->frames[i] = frame_ref(*input_place(core, slot, &state->config.inputs[i]));
    }
    slot->turn[operator_id] = TURN_RUNS;
    state->busy = true;
    core->running++;
    if (state->config.source && sequence >= core->counters.accepted) {
        core->counters.accepted = sequence + 1;
    }
    inbound_taken(core, slot, operator_id);
}

void schedule_run(struct core *core)
{
    while (core->running < core->config.workers) {
        unsigned best = core->config.n_operators;
        uint64_t best_sequence = CORE_ALL, sequence;

        for (unsigned i = core->config.n_operators; i-- > 0;) {
            if (find_turn(core, i, &sequence) && sequence < best_sequence) {
                best = i;
                best_sequence = sequence;
            }
        }
        if (best == core->config.n_operators) {
            break;
        }
        take_turn(core, best, best_sequence);
    }
}

static void turn_ends(struct core *core, const struct core_event *event)
{
    core->operators[event->operator_id].busy = false;
    core->running--;
}

void schedule_ran(struct core *core, const struct core_event *event)
{
    turn_ends(core, event);
    turn_over(core, event->operator_id, event->sequence, event->frames);
}

static void source_gives_back(struct core *core, const struct core_event *event)
{
    struct slot *slot = event->sequence >= core->done ? slot_find(core, event->sequence) : NULL;

    turn_ends(core, event);
    if (slot != NULL) {
        slot->turn[event->operator_id] = TURN_WAITS;
    }
    if (core->counters.accepted == event->sequence + 1) {
        core->counters.accepted = event->sequence;
    }
}

void schedule_source_ended(struct core *core, const struct core_event *event)
{
    struct operator_state *state = &core->operators[event->operator_id];

    source_gives_back(core, event);
    if (event->sequence < state->end) {
        state->end = event->sequence;
    }
}

void schedule_source_later(struct core *core, const struct core_event *event)
{
    if (event->kind == CORE_SOURCE_LATER) {
        source_gives_back(core, event);
    }
    core->operators[event->operator_id].not_before = event->when;
}

void schedule_wake(struct core *core)
{
    uint64_t first = CORE_ALL;

    for (unsigned i = 0; i < core->config.n_operators; i++) {
        const struct operator_state *state = &core->operators[i];

        if (state->config.source && state->next < state->end && state->not_before > core->now &&
            state->not_before < first) {
            first = state->not_before;
        }
    }
    if (first != CORE_ALL && first != core->wake) {
        core->wake = first;
        core_emit(core, CORE_WAKE)->when = first;
    }
}
