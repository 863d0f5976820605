/* Carries out what the reconciler says about the stages of a run. */
#include <errno.h>
#include <sysexits.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "controller/run_state.h"

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

static void started(void *owner, const struct error *err)
{
    if (err != NULL) {
        session_fail(owner, err, EX_UNAVAILABLE);
    }
}

static int start_stage(struct session *session, size_t index, struct error *err)
{
    const struct deployment_stage *stage = &session->run->deployment->stages[index];
    const struct fabric_start start = {
        .stage = stage->name,
        .device = stage->device,
        .controller = control_address(session->control),
        .token = control_expect(session->control, stage->name),
    };

    log_event(LOG_INFO, "controller.start", "stage=%s device=%s", stage->name, stage->device);
    return session->fabric->ops->start(session->fabric, &start, started, session, err);
}

static void configure(struct session *session, size_t index)
{
    const struct run *run = session->run;

    control_send(session->control, run->deployment->stages[index].name,
                 json_pack("{sssoss?sssssosbsI}", "type", "configure", "deployment",
                           deployment_to_json(run->deployment), "state", run_folder(session),
                           "data_token", run->data_token, "run", run->name, "peers",
                           addresses(run), "drain", (int)run->draining, "frames",
                           (json_int_t)session->request->frames));
}

static void give_up(struct session *session, size_t index)
{
    const struct deployment_stage *stage = &session->run->deployment->stages[index];
    struct error err;

    error_set(&err, -EIO, "stage '%s' on %s died %d times before it was ready", stage->name,
              stage->device, RECONCILE_TRIES);
    session_fail(session, &err, EX_UNAVAILABLE);
}

static void stopped(void *owner, const struct error *err)
{
    (void)owner;
    (void)err;
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
        return session->fabric->ops->stop(session->fabric, name, stopped, session, err);
    case RECONCILE_CONFIGURE:
        configure(session, action->stage);
        return 0;
    case RECONCILE_TELL_PEERS:
        control_send(session->control, name,
                     json_pack("{ssso}", "type", "peers", "peers", addresses(run)));
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
            if (action.when > 0) {
                uv_timer_start(&session->run->timer, timer_due,
                               action.when > now ? action.when - now : 1, 0);
            }
            return;
        }
        if (carry_out(session, &action, &err) < 0) {
            session_fail(session, &err, EX_UNAVAILABLE);
        }
    }
}

/* Stages stand in the deployment as their groups and replicas stand in the plan. */
double *run_predict_busy(const struct plan *plan, size_t n_stages)
{
    double *busy = memory_new(n_stages, sizeof(*busy));
    size_t n = 0;

    for (size_t i = 0; i < plan->n_groups; i++) {
        const struct plan_group *group = &plan->groups[i];

        for (size_t j = 0; j < group->n_replicas; j++) {
            const struct plan_replica *replica = &group->replicas[j];
            unsigned type = plan->problem->device_type[replica->device];
            double cpu = plan->rate * replica->share / replica->instances *
                         planner_cost(plan->problem, group->from, group->to, type);

            for (unsigned k = 0; k < replica->instances && n < n_stages; k++) {
                busy[n++] = cpu / plan->problem->devices[replica->device].cores;
            }
        }
    }
    return busy;
}
