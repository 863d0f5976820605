/* Carries out what the reconciler says about the stages of a run. */
#include <errno.h>
#include <sysexits.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "controller/checkpoints.h"
#include "controller/run_state.h"

enum { ERRNO_MOST = 4096 };

static json_t *addresses(const struct run *run)
{
    json_t *json = json_object();

    for (size_t i = 0; i < run->deployment->n_stages; i++) {
        if (run->actors[i].address != NULL) {
            json_object_set_new(json, run->deployment->stages[i].name,
                                json_string(run->actors[i].address));
        }
    }
    return json;
}

static json_t *lives(const struct run *run)
{
    json_t *json = json_object();

    for (size_t i = 0; i < run->deployment->n_stages; i++) {
        json_object_set_new(json, run->deployment->stages[i].name,
                            json_integer(run->actors[i].life));
    }
    return json;
}

/* What ran once on other machines may run again elsewhere. */
static void started(void *owner, const struct error *err)
{
    const struct actor *actor = owner;
    struct session *session = actor->session;

    if (err == NULL || session->run == NULL) {
        return;
    }
    if (session->watching == NULL || !session->run->ready) {
        session_fail(session, err, EX_UNAVAILABLE);
    } else {
        run_lost_stage(session, (size_t)(actor - session->run->actors), err->text);
    }
}

static int start_stage(struct session *session, size_t index, struct error *err)
{
    struct run *run = session->run;
    const struct deployment_stage *stage = &run->deployment->stages[index];
    struct actor *actor = &run->actors[index];

    if (!run_place(session, index)) {
        reconcile_saw(&run->reconcile, index, RECONCILE_SAW_NO_PLACE, clock_ms());
        return 0;
    }
    actor->asked_ms = clock_ms();
    log_event(LOG_INFO, "controller.start", "stage=%s device=%s life=%u", stage->name,
              stage->device, actor->life);
    const struct stage_start start = {.deployment = run->deployment,
                                      .index = index,
                                      .life = actor->life,
                                      .cores = actor->cores,
                                      .memory = actor->memory,
                                      .done = started,
                                      .owner = actor};
    int r = session_start_stage(session, &start, err);
    if (r == -EHOSTUNREACH && session->watching != NULL) { /* it has not told us yet */
        reconcile_saw(&run->reconcile, index, RECONCILE_SAW_NO_PLACE, clock_ms());
        return 0;
    }
    return r;
}

static void configure(struct session *session, size_t index)
{
    const struct run *run = session->run;
    const struct deployment_stage *stage = &run->deployment->stages[index];

    control_send(
        session->control, stage->name,
        json_pack("{sssoss?sssssososisIsososo?sbsI}", "type", "configure", "deployment",
                  session_deployment(session, run->deployment), "state",
                  session_folder(session), "data_token", run->data_token, "run", run->name,
                  "peers", addresses(run), "lives", lives(run), "life",
                  (int)run->actors[index].life, "done", (json_int_t)run->actors[index].mark,
                  "sinks", tally_marks(run->tally), "files",
                  session_files(session, stage->name), "checkpoints",
                  checkpoints_of(run->checkpoints, run->deployment, stage->group), "drain",
                  (int)run->draining, "frames", (json_int_t)session->request->frames));
}

static void give_up(struct session *session, size_t index)
{
    const struct error *last = &session->run->actors[index].last;
    struct error err;

    if (run_undo_update(session, index, last->text)) {
        return;
    }
    error_set(&err, last->code, "%s; it died %d times in a row with no frame done", last->text,
              RECONCILE_TRIES);
    session_fail(session, &err, EX_UNAVAILABLE);
}

/* A sentence on how a stage's life ended. */
static void note_end(struct run *run, size_t index, int code, const char *how)
{
    const struct deployment_stage *stage = &run->deployment->stages[index];

    error_set(&run->actors[index].last, code, "stage '%s' on %s: %s", stage->name,
              stage->device, how);
}

void run_heard_report(struct session *session, size_t index, const json_t *report)
{
    struct run *run = session->run;
    struct actor *actor = &run->actors[index];
    json_int_t done = json_integer_value(json_object_get(report, "done"));
    uint64_t mark = done < 0 ? UINT64_MAX : (uint64_t)done;

    tally_report(run->tally, run->deployment->stages[index].name, report);
    if (mark > actor->mark) {
        actor->mark = mark;
        reconcile_saw(&run->reconcile, index, RECONCILE_SAW_PROGRESS, clock_ms());
        run_check_update(session);
    }
}

/* The errno of what a stage said, which need not be one. */
int run_failure_code(const json_t *message)
{
    json_int_t code = json_integer_value(json_object_get(message, "errno"));

    return code > 0 && code < ERRNO_MOST ? (int)-code : -EIO;
}

/* One that was ready may do better in another life; the others would fail in the next as they
 * did in this. */
void run_heard_failure(struct session *session, size_t index, const json_t *message)
{
    struct run *run = session->run;
    struct actor *actor = &run->actors[index];
    const char *text = json_string_value(json_object_get(message, "error"));

    note_end(run, index, run_failure_code(message), text != NULL ? text : "it failed");
    actor->told = true;
    if (run->reconcile.stages[index].phase != RECONCILE_READY) {
        if (run_undo_update(session, index, actor->last.text)) {
            return;
        }
        session_fail(session, &actor->last, EX_UNAVAILABLE);
        return;
    }
    front_say(session->front, json_pack("{ssss}", "type", "failure", "what", actor->last.text));
}

static void end_life(struct actor *actor)
{
    actor->life++;
    actor->told = false;
    actor->finished = false;
    actor->waits_for_frame = true;
}

void run_lost_stage(struct session *session, size_t index, const char *how)
{
    struct run *run = session->run;
    const struct deployment_stage *stage = &run->deployment->stages[index];
    struct actor *actor = &run->actors[index];

    if (!actor->told) {
        cleanup(memory_free) char *what =
            memory_format("%s on %s %s", stage->name, stage->device, how);
        front_say(session->front, json_pack("{ssss}", "type", "failure", "what", what));
        note_end(run, index, -EIO, how);
    }
    end_life(actor);
    tally_gone(run->tally, stage->name, how, run_seconds(run));
    reconcile_saw(&run->reconcile, index, RECONCILE_SAW_GONE, clock_ms());
    run_reconcile(session);
}

static void stopped(void *owner, const struct error *err)
{
    (void)owner;
    (void)err;
}

static void ended(void *owner, const struct error *err)
{
    struct actor *actor = owner;
    struct session *session = actor->session;
    struct run *run = session->run;
    size_t index = (size_t)(actor - run->actors);

    (void)err;
    if (!run->reconcile.stages[index].silent) {
        end_life(actor);
    }
    tally_ended(run->tally, run->deployment->stages[index].name);
    reconcile_saw(&run->reconcile, index, RECONCILE_SAW_ENDED, clock_ms());
    run_reconcile(session);
}

void run_silent_stage(struct session *session, size_t index)
{
    struct run *run = session->run;
    const struct deployment_stage *stage = &run->deployment->stages[index];
    cleanup(memory_free) char *what =
        memory_format("%s on %s fell silent", stage->name, stage->device);
    struct error err;

    front_say(session->front, json_pack("{ssss}", "type", "failure", "what", what));
    note_end(run, index, -ETIMEDOUT, "it fell silent");
    end_life(&run->actors[index]);
    tally_gone(run->tally, stage->name, "fell silent", run_seconds(run));
    reconcile_saw(&run->reconcile, index, RECONCILE_SAW_SILENT, clock_ms());
    if (fabric_abandon(session->fabric, stage->name, ended, &run->actors[index], &err) < 0) {
        session_fail(session, &err, EX_UNAVAILABLE);
        return;
    }
    run_reconcile(session);
}

void run_replace_stage(struct session *session, size_t index)
{
    struct run *run = session->run;
    struct error err;

    reconcile_end(&run->reconcile, index);
    if (session->fabric->ops->stop(session->fabric, run->deployment->stages[index].name, ended,
                                   &run->actors[index], &err) < 0) {
        session_fail(session, &err, EX_UNAVAILABLE);
    }
}

static int carry_out(struct session *session, const struct reconcile_action *action,
                     struct error *err)
{
    struct run *run = session->run;
    const char *name = run->deployment->stages[action->stage].name;

    switch (action->kind) {
    case RECONCILE_START:
        return start_stage(session, action->stage, err);
    case RECONCILE_STOP:
        note_end(run, action->stage, -ETIMEDOUT, "it was started, and never said hello");
        return session->fabric->ops->stop(session->fabric, name, stopped, session, err);
    case RECONCILE_RENEW:
        return session->fabric->ops->stop(session->fabric, name, ended,
                                          &run->actors[action->stage], err);
    case RECONCILE_CONFIGURE:
        configure(session, action->stage);
        return 0;
    case RECONCILE_TELL_PEERS:
        control_send(session->control, name,
                     json_pack("{sssoso}", "type", "peers", "peers", addresses(run), "lives",
                               lives(run)));
        return 0;
    case RECONCILE_GIVE_UP:
        give_up(session, action->stage);
        return 0;
    case RECONCILE_NOTHING:
        return 0;
    }
    return 0;
}

static void timer_due(uv_timer_t *timer)
{
    run_reconcile(timer->data);
}

void run_reconcile(struct session *session)
{
    struct reconcile_action action;
    struct error err;

    while (session->run != NULL && !session->run->stopping) {
        uint64_t now = clock_ms();

        action = reconcile_next(&session->run->reconcile, now);
        if (action.kind == RECONCILE_NOTHING) {
            run_save(session);
            if (action.when > 0) {
                uv_timer_start(&session->run->timer, timer_due,
                               action.when > now ? action.when - now : 1, 0);
            }
            return;
        }
        session->run->unsaved = true;
        if (carry_out(session, &action, &err) < 0) {
            session_fail(session, &err, EX_UNAVAILABLE);
        }
    }
}

/* Stages stand in the deployment as their groups and replicas stand in the plan. */
void run_foresee(const struct plan *plan, struct actor *actors, size_t n_stages)
{
    size_t n = 0;

    for (size_t i = 0; i < plan->n_groups; i++) {
        const struct plan_group *group = &plan->groups[i];

        for (size_t j = 0; j < group->n_replicas; j++) {
            const struct plan_replica *replica = &group->replicas[j];
            unsigned type = plan->problem->device_type[replica->device];
            double cores = plan->rate * replica->share / replica->instances *
                           planner_cost(plan->problem, group->from, group->to, type);

            for (unsigned k = 0; k < replica->instances && n < n_stages; k++, n++) {
                actors[n].cores = cores;
                actors[n].busy = cores / plan->problem->devices[replica->device].cores;
                actors[n].memory = group->memory;
            }
        }
    }
}
