/* A run that outlives its controller, which may be killed, or moved to another machine: what
 * the next one has to know is kept by the fabric whenever it changes, and the next one takes
 * the stages up as they stream on. It calls each where its data links are; one that does not
 * answer, or was not ready, or is not there any more, is ended and started again like any that
 * was lost. Was the application changed meanwhile, the run is taken up as it was, and then
 * updated, where that can be done in place.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "controller/run_state.h"

enum { VERSION = 1 };

static json_t *stage_to_json(const struct session *session, size_t index)
{
    const struct actor *actor = &session->run->actors[index];
    const char *name = session->run->deployment->stages[index].name;
    const struct reconcile_stage *state = &session->run->reconcile.stages[index];
    bool ready = state->phase == RECONCILE_READY;
    cleanup(memory_wipe) char *token = control_stage_token(session->control, name);

    return json_pack("{sssisfsfsIsbss*ss*}", "planned", actor->planned, "life",
                     (int)actor->life, "cores", actor->cores, "busy", actor->busy, "memory",
                     (json_int_t)actor->memory, "outdated", state->outdated, "address",
                     ready ? actor->address : NULL, "token", token);
}

static char *to_text(const struct session *session)
{
    const struct run *run = session->run;
    cleanup(memory_wipe) char *authority = control_authority(session->control);
    const struct application *now = run->now != NULL ? run->now : session->application;
    json_t *stages = json_array();

    for (size_t i = 0; i < run->deployment->n_stages; i++) {
        json_array_append_new(stages, stage_to_json(session, i));
    }
    cleanup(json_decrefp) json_t *json = json_pack(
        "{siss*sssssosOsoss*}", "version", VERSION, "manifest", now->text, "run", run->name,
        "data_token", run->data_token, "deployment", deployment_to_json(run->deployment),
        "plan", run->plan, "stages", stages, "authority", authority);
    return json_dumps(json, JSON_COMPACT);
}

void run_save(struct session *session)
{
    struct run *run = session->run;

    if (!run->unsaved || session->fabric->ops->save == NULL) {
        return;
    }
    run->unsaved = false;
    cleanup(memory_wipe) char *text = to_text(session);
    session->fabric->ops->save(session->fabric, text);
}

static void take_stage(struct actor *actor, const json_t *json)
{
    const char *planned = json_string_value(json_object_get(json, "planned"));
    json_int_t memory = json_integer_value(json_object_get(json, "memory"));

    if (planned != NULL) {
        free(actor->planned);
        actor->planned = memory_text(planned);
    }
    actor->life = (unsigned)json_integer_value(json_object_get(json, "life"));
    actor->cores = json_number_value(json_object_get(json, "cores"));
    actor->busy = json_number_value(json_object_get(json, "busy"));
    actor->memory = memory > 0 ? (uint64_t)memory : 0;
    actor->address = memory_text(json_string_value(json_object_get(json, "address")));
}

struct present {
    const struct run *run;
    bool *there;
};

static void saw_stage(void *owner, const char *stage, const char *device)
{
    const struct present *present = owner;
    const struct deployment_stage *known = deployment_stage(present->run->deployment, stage);

    if (known != NULL && strcmp(known->device, device) == 0) {
        present->there[known - present->run->deployment->stages] = true;
    }
}

/* A life that was begun and not kept any more counts, too: the next must be later. */
static void take_lives(struct session *session)
{
    const struct fabric_ops *ops = session->fabric->ops;
    struct run *run = session->run;

    for (size_t i = 0; i < run->deployment->n_stages && ops->life != NULL; i++) {
        unsigned life = ops->life(session->fabric, run->deployment->stages[i].name);
        if (life > run->actors[i].life) {
            run->actors[i].life = life;
        }
    }
}

/* Calls the stages that can be taken up; the others end. */
static int call_stages(struct session *session, const json_t *stages, struct error *err)
{
    struct run *run = session->run;
    size_t n_stages = run->deployment->n_stages;
    cleanup(memory_free) bool *there = memory_new(n_stages, sizeof(*there));
    const struct present present = {run, there};
    int r = session->fabric->ops->list(session->fabric, saw_stage, (void *)(uintptr_t)&present,
                                       err);

    for (size_t i = 0; i < n_stages && r == 0; i++) {
        const char *name = run->deployment->stages[i].name;
        const char *token =
            json_string_value(json_object_get(json_array_get(stages, i), "token"));
        const char *address = run->actors[i].address;
        struct error ignored;

        if (there[i] && token != NULL && address != NULL &&
            control_call(session->control, name, token, address, run->data_token, &ignored) ==
                0) {
            reconcile_adopt(&run->reconcile, i);
            if (json_is_true(json_object_get(json_array_get(stages, i), "outdated"))) {
                reconcile_outdate(&run->reconcile, i);
            }
        } else {
            run_replace_stage(session, i);
        }
    }
    return r;
}

static int unreadable(struct error *err)
{
    return error_set(err, -EINVAL, "what an earlier controller kept of the run is unreadable");
}

static int read_saved(const char *saved, json_t **ret_json, struct deployment **ret_deployment,
                      struct error *err)
{
    static const char *const texts[] = {"manifest", "run", "data_token"};
    cleanup(json_decrefp) json_t *json = json_loads(saved, JSON_REJECT_DUPLICATES, NULL);
    bool good = json_integer_value(json_object_get(json, "version")) == VERSION;
    struct deployment *deployment = NULL;

    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        good = good && json_is_string(json_object_get(json, texts[i]));
    }
    if (!good) {
        return unreadable(err);
    }
    int r = deployment_from_json(json_object_get(json, "deployment"), &deployment, err);
    if (r < 0) {
        return r;
    }
    if (json_array_size(json_object_get(json, "stages")) != deployment->n_stages) {
        deployment_destroy(deployment);
        return unreadable(err);
    }
    *ret_json = json_incref(json);
    *ret_deployment = deployment;
    return 0;
}

/* Gives the session the application that the run is of. Is it to become another, then that is
 * handed out. -ESTALE: the run cannot become that. */
static int go_back(struct session *session, const char *manifest,
                   const struct deployment *deployment, struct application **ret_wanted,
                   struct error *err)
{
    const struct request *request = session->request;
    const char *wanted = session->application->text;
    struct application *was = NULL;
    struct error why;

    if (wanted != NULL && strcmp(manifest, wanted) == 0) {
        return 0;
    }
    if (application_parse(request->application, manifest, request->folder,
                          request->resource != NULL, &was, &why) < 0 ||
        update_compare(was, session->application, deployment) == UPDATE_ANEW) {
        application_destroy(was);
        return error_set(err, -ESTALE, "the application was changed while no controller ran");
    }
    *ret_wanted = session->application;
    session->application = was;
    return 0;
}

static void take_up(struct session *session, const json_t *json, struct deployment *deployment)
{
    run_open(session, deployment);
    struct run *run = session->run;
    snprintf(run->name, sizeof(run->name), "%s",
             json_string_value(json_object_get(json, "run")));
    snprintf(run->data_token, sizeof(run->data_token), "%s",
             json_string_value(json_object_get(json, "data_token")));
    run->plan = json_incref(json_object_get(json, "plan"));
    for (size_t i = 0; i < deployment->n_stages; i++) {
        take_stage(&run->actors[i], json_array_get(json_object_get(json, "stages"), i));
    }
    front_say(session->front,
              json_pack("{sssOss}", "type", "plan", "plan", run->plan, "explanation",
                        "the plan of the controller before this one\n"));
    take_lives(session);
    run_say_stages(session);
}

/* Takes `wanted`. */
static void go_forward(struct session *session, struct application *wanted)
{
    session_note(session, "the application was changed while no controller ran: it is updated");
    (void)run_update(session, &wanted);
    application_destroy(wanted);
}

int run_resume(struct session *session, const char *saved, struct error *err)
{
    cleanup(json_decrefp) json_t *json = NULL;
    struct application *wanted = NULL;
    struct deployment *deployment = NULL;
    int r = read_saved(saved, &json, &deployment, err);

    if (r < 0) {
        return r;
    }
    r = go_back(session, json_string_value(json_object_get(json, "manifest")), deployment,
                &wanted, err);
    if (r < 0) {
        deployment_destroy(deployment);
        return r;
    }
    take_up(session, json, deployment);
    r = call_stages(session, json_object_get(json, "stages"), err);
    if (r < 0 && wanted != NULL) {
        application_destroy(session->application);
        session->application = wanted;
    } else if (wanted != NULL) {
        go_forward(session, wanted);
    }
    run_reconcile(session);
    return r;
}

/* What an earlier controller kept of its run; NULL: there was none. */
static const char *saved_run(const struct session *session)
{
    const struct fabric_ops *ops = session->fabric->ops;

    return ops->saved != NULL ? ops->saved(session->fabric) : NULL;
}

char *session_saved_authority(const struct session *session)
{
    const char *saved = saved_run(session);
    cleanup(json_decrefp) json_t *json =
        saved != NULL ? json_loads(saved, JSON_REJECT_DUPLICATES, NULL) : NULL;

    return memory_text(json_string_value(json_object_get(json, "authority")));
}

static void ignore_end(void *owner, const struct error *err)
{
    (void)owner;
    (void)err;
}

/* What is left of a run that cannot be taken up. */
static void end_stage(void *owner, const char *stage, const char *device)
{
    struct session *session = owner;
    struct error ignored;

    (void)device;
    (void)session->fabric->ops->stop(session->fabric, stage, ignore_end, session, &ignored);
}

bool session_resume(struct session *session)
{
    struct error err;

    if (saved_run(session) == NULL) {
        return false;
    }
    if (run_resume(session, saved_run(session), &err) == 0) {
        session_note(session, "the run of an earlier controller goes on");
        return true;
    }
    session_note(session, "%s: it begins anew", err.text);
    if (session->run != NULL) {
        run_stop(session);
    }
    (void)session->fabric->ops->list(session->fabric, end_stage, session, &err);
    return false;
}
