/* What is wanted against what was seen, and what to do about it. Pure: the run's shell tells it
 * what it sees and carries out what it says.
 *
 * A wanted stage goes ABSENT -> STARTING -> GREETED (it said hello) -> CONFIGURED -> READY, and
 * back to ABSENT whenever it is gone. One that got somewhere in its life is started again at
 * once, however often; one that did not, ready or not, later and later, and in the end the run
 * gives up. Whenever a stage is ready at a new address, all others are told.
 *
 * A stage that fell silent is ended, which nobody can be sure of, so that the others are told
 * at once to hear it no more; then it is started again, perhaps elsewhere.
 *
 * A stage whose operators were changed is outdated: it is ended, and started again with the new
 * ones, when all others are ready, so that of several one at a time is missing.
 */
#ifndef CONTROLLER_RECONCILE_H
#define CONTROLLER_RECONCILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    RECONCILE_TRIES = 5,           /* deaths in a row without progress */
    RECONCILE_WAIT_MS = 100,       /* before the second try; doubled each time */
    RECONCILE_PATIENCE_MS = 60000, /* from start to hello, when nothing else is said */
    RECONCILE_PLACE_MS = 500,      /* before a place is looked for again */
};

enum reconcile_phase {
    RECONCILE_ABSENT,
    RECONCILE_STARTING,
    RECONCILE_GREETED,
    RECONCILE_CONFIGURED,
    RECONCILE_READY,
    RECONCILE_ENDING, /* its end was asked for, and is not there yet */
};

enum reconcile_sight {
    RECONCILE_SAW_HELLO,
    RECONCILE_SAW_READY,
    RECONCILE_SAW_PROGRESS, /* its mark is higher than it ever was */
    RECONCILE_SAW_GONE,
    RECONCILE_SAW_ENDED,    /* as RECONCILE_RENEW asked, or after it fell silent */
    RECONCILE_SAW_SILENT,   /* it may live, but is not heard: it is being ended, and fenced */
    RECONCILE_SAW_NO_PLACE, /* no device can take it now */
};

enum reconcile_kind {
    RECONCILE_NOTHING, /* until something is seen, or the clock reaches `when` (0: never) */
    RECONCILE_START,
    RECONCILE_STOP,      /* it does not answer: end it, and say that it is gone */
    RECONCILE_CONFIGURE, /* with the addresses known now */
    RECONCILE_TELL_PEERS,
    RECONCILE_RENEW, /* end it, and say when it has ended */
    RECONCILE_GIVE_UP,
};

struct reconcile_stage {
    enum reconcile_phase phase;
    bool outdated;       /* it runs with what it should not run with any more */
    bool progressed;     /* in this life */
    bool silent;         /* it is being ended for its silence */
    bool adopted;        /* from an earlier controller, and has not said yet what it knows */
    unsigned tries;      /* deaths in a row without progress */
    uint64_t since;      /* when it was started */
    uint64_t not_before; /* of the next start */
    uint64_t heard;      /* the generation of addresses it knows */
};

struct reconcile {
    size_t n_stages;
    struct reconcile_stage *stages;
    uint64_t patience;   /* from start to hello */
    uint64_t generation; /* rises with every new address, and with every stage that is fenced */
};

struct reconcile_action {
    enum reconcile_kind kind;
    size_t stage;
    uint64_t when;
};

/* Times in milliseconds. */
void reconcile_init(struct reconcile *reconcile, size_t n_stages, uint64_t patience);
void reconcile_finish(struct reconcile *reconcile);
void reconcile_saw(struct reconcile *reconcile, size_t stage, enum reconcile_sight sight,
                   uint64_t now);
/* The stage's operators are others from now on. */
void reconcile_outdate(struct reconcile *reconcile, size_t stage);
/* An earlier controller had it ready. Until it says so to this one, it is not renewed: what it
 * has to tell, whoever takes its place needs. */
void reconcile_adopt(struct reconcile *reconcile, size_t stage);
/* It may be there, but cannot be taken up: it is being ended. */
void reconcile_end(struct reconcile *reconcile, size_t stage);
/* Forgets that it got nowhere: it is not what it was. */
void reconcile_forgive(struct reconcile *reconcile, size_t stage, uint64_t now);
/* The next thing to do; it counts as done. Call until it says NOTHING. */
struct reconcile_action reconcile_next(struct reconcile *reconcile, uint64_t now);
size_t reconcile_count(const struct reconcile *reconcile, enum reconcile_phase phase);

#endif
