/* What the parts of the stage core share. Nothing outside core_*.c includes this.
 *
 *   core.c           create, events in, effects out
 *   core_slot.c      what is known of each sequence number under way
 *   core_schedule.c  which operator runs next; what happens when it has run
 *   core_inbound.c   in-channels: order, repetition, credit to give
 *   core_outbound.c  out-channels: dispatch to replicas, what to send again
 *   core_mark.c      marks and ends: how far everything is done
 *   core_checkpoint.c  when stateful operators are saved
 */
#ifndef STAGE_CORE_STATE_H
#define STAGE_CORE_STATE_H

#include "stage/core.h"

/* What a receiver has of an out-channel's frame. */
enum out_state {
    OUT_NONE,   /* not made yet */
    OUT_HAD,    /* not made yet, but `holder` has it from an earlier life of this stage */
    OUT_UNSENT, /* made, to be sent */
    OUT_SENT,   /* made, and `holder` has it or will get it */
};

enum turn { TURN_WAITS, TURN_RUNS, TURN_OVER };

/* One sequence number under way. Arrays are indexed like those of the config. */
struct slot {
    bool used;
    uint64_t sequence;
    struct frame **in;     /* by in-channel, until its last reader is through */
    struct frame **out;    /* by out-channel, until the stage's mark has passed */
    struct frame **local;  /* by operator output, until its last reader is through */
    uint8_t *seen;         /* by in-channel */
    uint8_t *out_state;    /* by out-channel: enum out_state */
    uint8_t *turn;         /* by operator: enum turn */
    uint8_t *in_left;      /* by in-channel: readers not yet through */
    uint8_t *local_left;   /* by operator output: likewise */
    uint16_t *credit_link; /* by in-channel: in-link whose credit the frame holds, + 1 */
    int16_t *holder;       /* by group: out-link that has it, or -1 */
};

struct operator_state {
    struct core_operator config;
    unsigned output_base; /* index of its first output in slot.local */
    bool busy;
    uint64_t next;       /* ordered: the number whose turn is next */
    uint64_t end;        /* numbers from here on will never be */
    uint64_t not_before; /* of a source that said later */
    /* Of a stateful operator: its memory after all frames below so many is on disk, or in
     * memory (CORE_ALL: there is no such snapshot). */
    uint64_t kept, snapshot;
    bool saving, keeping;
};

struct in_link {
    bool up;
    uint64_t told; /* the mark it last heard of us */
};

struct out_link {
    bool ready;
    uint64_t told;
    unsigned *credit;   /* by out-channel */
    uint64_t *end_told; /* by out-channel */
};

struct core {
    struct core_config config;
    struct operator_state *operators;
    struct in_link *in_links;
    struct out_link *out_links;
    uint64_t *in_end;                    /* by in-channel */
    uint64_t *group_mark;                /* by group */
    unsigned n_local;                    /* operator outputs in all */
    uint8_t *local_readers, *in_readers; /* how many operators read it */
    unsigned rotor;                      /* evens out the choice between equal replicas */

    struct slot *slots; /* window of them; a number's place is number % window */
    uint64_t done;      /* the stage's mark */
    uint64_t highest;   /* one past the highest number seen */
    uint64_t least_end; /* a source was seen to reach this number in an earlier life */
    bool started;       /* every group had a link: sources may begin */
    bool draining, finished;
    uint64_t now;
    uint64_t wake; /* when the clock will come; 0: it was not asked for */
    unsigned running;
    struct core_counters counters;

    struct core_effect *effects; /* a queue: first..first + n */
    size_t first, n_effects;
};

struct core_effect *core_emit(struct core *core, enum core_effect_kind kind);

/* The slot of a number within the window, made if need be. */
struct slot *slot_at(struct core *core, uint64_t sequence);
struct slot *slot_find(const struct core *core, uint64_t sequence); /* NULL: nothing known */
void slots_create(struct core *core);
void slots_destroy(struct core *core);
void slot_release(struct core *core, struct slot *slot);
/* One past the highest number that may be in use. */
uint64_t slots_end(const struct core *core);
/* An operator is through with a number: what only it still needed is dropped. */
void slot_reader_through(const struct core *core, struct slot *slot, unsigned operator_id);

void schedule_run(struct core *core);
void schedule_ran(struct core *core, const struct core_event *event);
void schedule_source_ended(struct core *core, const struct core_event *event);
/* It is asked again at `when`; or at once, for it was woken. */
void schedule_source_later(struct core *core, const struct core_event *event);
/* Asks for the clock when a source waits for it: there is one clock for all of them, and it may
 * come too early. */
void schedule_wake(struct core *core);
/* All inputs are there, and its turn has not come yet. */
bool schedule_complete(const struct core *core, unsigned operator_id, const struct slot *slot);

void inbound_hello(struct core *core, const struct core_event *event);
int inbound_frame(struct core *core, const struct core_event *event, struct error *err);
/* An operator takes a number: the credit that its inputs held goes back. */
void inbound_taken(struct core *core, struct slot *slot, unsigned operator_id);
/* Nobody will take it any more. */
void inbound_give_back(struct core *core, struct slot *slot);

void outbound_welcome(struct core *core, const struct core_event *event);
void outbound_lost(struct core *core, unsigned link);
/* Takes the frames that an operator made for a number. */
void outbound_made(struct core *core, struct slot *slot, unsigned operator_id,
                   struct frame *const *frames);
/* Frames of `operator` that wait to be sent and come before `sequence`. */
unsigned outbound_backlog(const struct core *core, unsigned operator_id, uint64_t sequence);
void outbound_send(struct core *core);
void outbound_send_ends(struct core *core);
bool outbound_all_groups_reached(const struct core *core);

/* `idle`: there is nothing else to do now. */
void checkpoint_run(struct core *core, bool idle);
void checkpoint_came(struct core *core, const struct core_event *event);

void mark_raise(struct core *core, uint64_t done); /* the stage's, at the least to `done` */
/* How far all is done at the sinks and stateful operators from `first` on, and at other stages.
 */
uint64_t mark_least(const struct core *core, unsigned first);
void mark_update(struct core *core); /* from what its outputs say */
void mark_tell(struct core *core);
void mark_update_ends(struct core *core);

#endif
