/* Where the stages of a run are: as planned, or, when that device is lost, on one that stands
 * in; and back again when it has returned for good. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "controller/run_state.h"

enum { HEARD_MS = SESSION_SILENCE_MS / 2 }; /* its neighbours may have fallen silent since */

static size_t device_index(const struct session *session, const char *name)
{
    const struct fabric_device *device = session_device(session, name);

    return device == NULL ? SIZE_MAX : (size_t)(device - session->devices);
}

void run_place_open(struct session *session)
{
    struct run *run = session->run;

    standing_init(&run->standing, session->n_devices);
    for (size_t i = 0; i < run->deployment->n_stages; i++) {
        run->actors[i].planned = memory_text(run->deployment->stages[i].device);
    }
}

void run_place_close(struct run *run)
{
    for (size_t i = 0; i < run->deployment->n_stages; i++) {
        free(run->actors[i].planned);
    }
    standing_finish(&run->standing);
}

static bool is_displaced(const struct run *run, size_t index)
{
    return strcmp(run->deployment->stages[index].device, run->actors[index].planned) != 0;
}

/* What the other stages take of the devices. */
static struct standing_offer *make_offers(const struct session *session, size_t index,
                                          bool *excluded)
{
    const struct run *run = session->run;
    const struct deployment_stage *stages = run->deployment->stages;
    struct standing_offer *offers = memory_new(session->n_devices, sizeof(*offers));

    for (size_t i = 0; i < session->n_devices; i++) {
        const struct fabric_device *device = &session->devices[i];

        offers[i] = (struct standing_offer){.n_has = device->n_has,
                                            .has = device->has,
                                            .cores = device->cores,
                                            .memory = device->memory};
    }
    for (size_t i = 0; i < run->deployment->n_stages; i++) {
        size_t at = i == index ? SIZE_MAX : device_index(session, stages[i].device);

        if (at == SIZE_MAX) {
            continue;
        }
        offers[at].cores_taken += run->actors[i].cores;
        offers[at].memory_taken += run->actors[i].memory;
        excluded[at] |= strcmp(stages[i].group, stages[index].group) == 0;
    }
    return offers;
}

struct words {
    size_t n;
    char **list;
};

/* What the stage's operators ask of their device; the words are the graph's. */
static struct words words_of(const struct session *session, const char *group)
{
    const struct graph *graph = session->application->graph;
    const struct deployment *deployment = session->run->deployment;
    struct words words = {0};

    for (size_t i = 0; i < deployment->n_operators; i++) {
        const struct deployment_operator *step = &deployment->operators[i];

        for (size_t j = 0; j < graph->n_operators && strcmp(step->group, group) == 0; j++) {
            const struct graph_operator *origin = &graph->operators[j];

            for (size_t k = 0; k < origin->n_has && strcmp(origin->name, step->origin) == 0;
                 k++) {
                words.list = memory_grow(words.list, words.n, sizeof(*words.list));
                words.list[words.n++] = origin->has[k];
            }
        }
    }
    return words;
}

/* An operator that names its device has no other. */
static bool is_bound(const struct session *session, const char *group)
{
    const struct graph *graph = session->application->graph;
    const struct deployment *deployment = session->run->deployment;

    for (size_t i = 0; i < deployment->n_operators; i++) {
        const struct deployment_operator *step = &deployment->operators[i];

        for (size_t j = 0; j < graph->n_operators && strcmp(step->group, group) == 0; j++) {
            if (strcmp(graph->operators[j].name, step->origin) == 0 &&
                graph->operators[j].device != NULL) {
                return true;
            }
        }
    }
    return false;
}

static size_t find_stand_in(const struct session *session, size_t index)
{
    const struct run *run = session->run;
    const char *group = run->deployment->stages[index].group;
    cleanup(memory_free) bool *excluded = memory_new(session->n_devices, sizeof(*excluded));
    struct standing_offer *offers = make_offers(session, index, excluded);
    struct words words = words_of(session, group);
    const struct standing_need need = {.n_has = words.n,
                                       .has = words.list,
                                       .cores = run->actors[index].cores,
                                       .memory = run->actors[index].memory,
                                       .excluded = excluded};
    size_t found = is_bound(session, group)
                       ? SIZE_MAX
                       : standing_choose(&run->standing, &need, offers, clock_ms());

    free(words.list);
    free(offers);
    return found;
}

static void move(struct session *session, size_t index, const char *device)
{
    struct deployment_stage *stage = &session->run->deployment->stages[index];
    const char *planned = session->run->actors[index].planned;

    if (strcmp(stage->device, device) == 0) {
        return;
    }
    if (strcmp(device, planned) == 0) {
        session_note(session, "stage '%s' goes back to %s", stage->name, planned);
    } else {
        session_note(session, "%s stands in for %s: stage '%s' moves there", device, planned,
                     stage->name);
    }
    free(stage->device);
    stage->device = memory_text(device);
}

bool run_place(struct session *session, size_t index)
{
    struct run *run = session->run;
    struct actor *actor = &run->actors[index];
    size_t planned = device_index(session, actor->planned);

    if (session->watching == NULL ||
        (planned != SIZE_MAX && standing_usable(&run->standing, planned, clock_ms()))) {
        move(session, index, actor->planned);
        actor->placeless = false;
        return true;
    }
    size_t device = find_stand_in(session, index);
    if (device != SIZE_MAX) {
        move(session, index, session->devices[device].name);
        actor->placeless = false;
        return true;
    }
    if (!actor->placeless) {
        session_note(session, "no device can take stage '%s' of %s now: it waits for one",
                     run->deployment->stages[index].name, actor->planned);
    }
    actor->placeless = true;
    return false;
}

void run_device(struct session *session, const char *device, bool usable, const char *why)
{
    size_t index = device_index(session, device);

    if (index != SIZE_MAX) {
        standing_told(&session->run->standing, index, usable, clock_ms());
        if (usable) {
            session_note(session, "%s can be used again", device);
        } else {
            session_note(session, "%s cannot be used: it %s", device, why);
        }
    }
}

/* The stages that stand in elsewhere are renewed, one at a time, where they were planned. */
static void give_back(struct session *session)
{
    struct run *run = session->run;

    for (size_t i = 0; i < run->deployment->n_stages && !run->draining; i++) {
        size_t planned = device_index(session, run->actors[i].planned);

        if (is_displaced(run, i) && !run->reconcile.stages[i].outdated && planned != SIZE_MAX &&
            standing_steady(&run->standing, planned, clock_ms())) {
            reconcile_outdate(&run->reconcile, i);
            run_reconcile(session);
        }
    }
}

static void look_at(struct session *session, size_t index)
{
    struct run *run = session->run;
    const struct deployment_stage *stage = &run->deployment->stages[index];
    enum reconcile_phase phase = run->reconcile.stages[index].phase;
    size_t device = device_index(session, stage->device);
    uint64_t silence = control_silence(session->control, stage->name);

    if (phase != RECONCILE_GREETED && phase != RECONCILE_CONFIGURED &&
        phase != RECONCILE_READY) {
        return;
    }
    if (silence <= SESSION_SILENCE_MS) {
        if (device != SIZE_MAX && silence < HEARD_MS) {
            standing_heard(&run->standing, device, clock_ms());
        }
    } else {
        if (device != SIZE_MAX) {
            standing_silent(&run->standing, device, clock_ms());
        }
        run_silent_stage(session, index);
    }
}

void run_watch(struct session *session)
{
    for (size_t i = 0; session->run != NULL && !session->run->stopping &&
                       i < session->run->deployment->n_stages;
         i++) {
        look_at(session, i);
    }
    if (session->run != NULL && !session->run->stopping) {
        give_back(session);
    }
}
