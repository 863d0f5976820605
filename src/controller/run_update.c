/* Updates a run in place: the stages whose operators have other parameters now are renewed, one
 * at a time; the others never notice. An update whose stages do not start, or get nowhere, is
 * undone, and its stages are renewed once more. */
#include "base/clock.h"
#include "base/memory.h"
#include "controller/run_state.h"

static void outdate(struct run *run)
{
    for (size_t i = 0; i < run->deployment->n_stages; i++) {
        if (update_touches(run->update, &run->deployment->stages[i])) {
            reconcile_outdate(&run->reconcile, i);
        }
    }
}

/* It cannot be undone any more. */
static void settle(struct run *run)
{
    update_destroy(STEAL(run->update));
    application_destroy(STEAL(run->before));
}

enum update_kind run_update(struct session *session, struct application **after)
{
    struct run *run = session->run;
    const struct application *before = run->now != NULL ? run->now : session->application;
    enum update_kind kind = update_compare(before, *after, run->deployment);

    if (kind != UPDATE_IN_PLACE) {
        return kind;
    }
    if (run->draining || run->stopping) {
        return UPDATE_ANEW;
    }
    settle(run);
    run->update = update_apply(run->deployment, before, *after);
    run->before = STEAL(run->now);
    run->now = STEAL(*after);
    run->unsaved = true;
    outdate(run);
    run_reconcile(session);
    return kind;
}

/* The update is good when each of its stages has done something since. */
void run_check_update(struct session *session)
{
    struct run *run = session->run;

    for (size_t i = 0; run->update != NULL && i < run->deployment->n_stages; i++) {
        const struct reconcile_stage *stage = &run->reconcile.stages[i];

        if (update_touches(run->update, &run->deployment->stages[i]) &&
            (stage->outdated || !stage->progressed)) {
            return;
        }
    }
    if (run->update != NULL) {
        settle(run);
        front_say(session->front, json_pack("{ss}", "type", "updated"));
    }
}

bool run_undo_update(struct session *session, size_t index, const char *why)
{
    struct run *run = session->run;

    if (run->update == NULL || !update_touches(run->update, &run->deployment->stages[index])) {
        return false;
    }
    cleanup(memory_free) char *text = memory_format("the update was undone: %s", why);
    update_undo(run->update);
    outdate(run);
    reconcile_forgive(&run->reconcile, index, clock_ms());
    application_destroy(run->now);
    run->now = STEAL(run->before);
    run->unsaved = true;
    settle(run);
    front_say(session->front, json_pack("{ssss}", "type", "undone", "text", text));
    return true;
}

void run_free_update(struct run *run)
{
    settle(run);
    application_destroy(STEAL(run->now));
}
