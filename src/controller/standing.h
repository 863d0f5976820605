/* Which devices can be used, as far as is known: what the fabric says, and what their stages'
 * silence says sooner. Pure; times in milliseconds.
 *
 * A device whose stage fell silent is doubted until a stage on it is heard, the fabric has seen
 * it go and come back, or STANDING_DOUBT_MS have passed: a node that lost its power takes the
 * fabric seconds to notice.
 */
#ifndef CONTROLLER_STANDING_H
#define CONTROLLER_STANDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    STANDING_DOUBT_MS = 30000,
    STANDING_STEADY_MS = 5000, /* usable for so long: work goes back to it */
};

struct standing_device {
    bool unusable;       /* as the fabric says */
    bool doubted;        /* a stage on it fell silent */
    uint64_t doubted_at; /* when */
    uint64_t since;      /* usable, without doubt, since then */
};

struct standing {
    size_t n_devices;
    struct standing_device *devices;
};

void standing_init(struct standing *standing, size_t n_devices);
void standing_finish(struct standing *standing);

void standing_told(struct standing *standing, size_t device, bool usable, uint64_t now);
void standing_silent(struct standing *standing, size_t device, uint64_t now);
void standing_heard(struct standing *standing, size_t device, uint64_t now);

bool standing_usable(const struct standing *standing, size_t device, uint64_t now);
/* Usable for long enough to give it back what it had. */
bool standing_steady(const struct standing *standing, size_t device, uint64_t now);

/* Where a stage may stand in. */
struct standing_need {
    size_t n_has;
    char *const *has;
    double cores;         /* that it is foreseen to use */
    uint64_t memory;      /* bytes */
    const bool *excluded; /* by device: others of its group are there; NULL: none */
};

/* What a device offers, and what of it is taken. */
struct standing_offer {
    size_t n_has;
    char *const *has;
    double cores, cores_taken;
    uint64_t memory, memory_taken; /* bytes; memory 0: not limited */
};

/* The usable device that is left with most CPU when it takes the stage, in proportion to what
 * it has; SIZE_MAX: none has room and what is needed. */
size_t standing_choose(const struct standing *standing, const struct standing_need *need,
                       const struct standing_offer *offers, uint64_t now);

#endif
