/* The life of one pod, until it runs.
 *
 *     secret -> pod -> starting -> runs -> (it ends) telling -> gone
 *                |  ^      |         \--> (asked to) ending -> those who asked
 *                v  |      |
 *               pause      \--> (no image, no room, too late) those who asked hear why
 *
 * One step is under way at a time; what comes meanwhile (a stop) is remembered and looked at
 * when the step is done. What a pod is, the watch tells. Each life of a stage has a pod of its
 * own name, so that what is being deleted is in nobody's way.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "fabric/images.h"
#include "fabric/kubernetes.h"
#include "fabric/kubernetes_object.h"
#include "kube/api.h"

#define START_MS 120000 /* a large image on a slow link takes its time */
#define IMAGE_MS 60000
#define ROOM_MS  30000
#define PAUSE_MS 2000

struct kubernetes_stage *kubernetes_stage_find(struct kubernetes *kubernetes, const char *name)
{
    struct kubernetes_stage *stage = kubernetes->stages;

    while (stage != NULL && strcmp(stage->name, name) != 0) {
        stage = stage->next;
    }
    return stage;
}

struct kubernetes_stage *kubernetes_stage_find_pod(struct kubernetes *kubernetes,
                                                   const char *pod)
{
    struct kubernetes_stage *stage = kubernetes->stages;

    while (stage != NULL && !kubernetes_is(pod, stage->pod)) {
        stage = stage->next;
    }
    return stage;
}

static void on_late(uv_timer_t *timer)
{
    struct kubernetes_stage *stage = timer->data;
    const struct kubernetes *kubernetes = stage->kubernetes;
    struct error err = stage->why;

    if (stage->trouble == KUBERNETES_FINE) {
        error_set(&err, -ETIMEDOUT,
                  "%s does not start %s within %d s: kubectl -n %s describe pod %s",
                  kubernetes->site.devices[stage->device].name, stage->name, START_MS / 1000,
                  kubernetes->space, stage->pod);
    }
    kubernetes_stage_fail(stage, &err);
}

static uint64_t patience_of(enum kubernetes_trouble trouble)
{
    return trouble == KUBERNETES_FINE       ? START_MS
           : trouble == KUBERNETES_NO_IMAGE ? IMAGE_MS
                                            : ROOM_MS;
}

/* It is told at once, and waited for a while. */
static void be_troubled(struct kubernetes_stage *stage, enum kubernetes_trouble trouble,
                        const struct error *why)
{
    bool same = stage->trouble == trouble;

    stage->trouble = trouble;
    if (same) {
        return; /* the first word is the best: "back-off" comes later */
    }
    if (why != NULL) {
        stage->why = *why;
        kubernetes_note(stage->kubernetes, "%s", why->text);
    }
    stage->troubled_ms = clock_ms();
    kubernetes_stage_wait(stage, on_late, patience_of(trouble));
}

static void be_running(struct kubernetes_stage *stage)
{
    stage->step = KUBERNETES_RUNS;
    kubernetes_stage_wait(stage, NULL, 0);
    later_call_all(stage->kubernetes->later, &stage->starters, NULL);
}

static void see_waiting(struct kubernetes_stage *stage, const struct kubernetes_state *state)
{
    struct kubernetes *kubernetes = stage->kubernetes;
    const struct kubernetes_subject subject = {.stage = stage->name,
                                               .node =
                                                   kubernetes->site.devices[stage->device].name,
                                               .image = stage->image,
                                               .space = kubernetes->space,
                                               .pod = stage->pod};
    struct error err;

    if (state->trouble == KUBERNETES_FINE) {
        be_troubled(stage, KUBERNETES_FINE, NULL);
        return;
    }
    (void)kubernetes_state_explain(state, &subject, &err);
    be_troubled(stage, state->trouble, &err);
}

/* The kubelet that would end it is away. */
static bool is_stranded(const struct kubernetes_stage *stage,
                        const struct kubernetes_state *state)
{
    return state->leaving && !stage->kubernetes->places[stage->device].heard;
}

static void lose_stranded(struct kubernetes_stage *stage)
{
    cleanup(memory_free) char *how = memory_format(
        "was lost with its node, which %s", stage->kubernetes->places[stage->device].why);

    kubernetes_stage_lose(stage, how, false);
}

/* Whether there still is a stage. */
static bool see_starting(struct kubernetes_stage *stage, const struct kubernetes_state *state)
{
    const char *node = stage->kubernetes->site.devices[stage->device].name;
    struct error err;

    if (state->phase == KUBERNETES_ENDED && !state->ran) {
        error_set(&err, -EIO, "%s does not start %s: it %s", node, stage->name, state->how);
        kubernetes_stage_fail(stage, &err);
        return false;
    }
    if (state->phase == KUBERNETES_WAITING) {
        see_waiting(stage, state);
    } else {
        be_running(stage);
    }
    return true;
}

static void see_missing(struct kubernetes_stage *stage)
{
    struct error err;

    if (stage->step == KUBERNETES_STARTING) {
        error_set(&err, -EIO, "its pod was deleted by somebody before it ran");
        kubernetes_stage_fail(stage, &err);
    } else if (stage->step == KUBERNETES_RUNS) {
        kubernetes_stage_lose(stage, "was deleted by somebody", false);
    } else if (stage->step == KUBERNETES_ENDING) {
        kubernetes_stage_conclude(stage);
    }
}

void kubernetes_stage_see(struct kubernetes_stage *stage, const json_t *pod)
{
    struct kubernetes_state state;

    if (pod == NULL) {
        see_missing(stage);
        return;
    }
    kubernetes_state_read(pod, &state);
    if (stage->step == KUBERNETES_STARTING && !see_starting(stage, &state)) {
        return;
    }
    if (stage->step != KUBERNETES_RUNS) {
        return;
    }
    if (state.phase == KUBERNETES_ENDED) {
        kubernetes_stage_lose(stage, state.leaving ? "was deleted by somebody" : state.how,
                              state.starved);
    } else if (is_stranded(stage, &state)) {
        lose_stranded(stage);
    }
}

void kubernetes_stage_strand(struct kubernetes_stage *stage, const char *why)
{
    const char *node = stage->kubernetes->site.devices[stage->device].name;
    struct error err;

    if (stage->step == KUBERNETES_STARTING) {
        error_set(&err, -EHOSTUNREACH, "%s cannot take it: it %s", node, why);
        kubernetes_stage_fail(stage, &err);
    } else if (stage->step == KUBERNETES_RUNS) {
        const json_t *pod =
            cluster_find_pod(stage->kubernetes->cluster, stage->kubernetes->space, stage->pod);
        if (pod != NULL) {
            kubernetes_stage_see(stage, pod);
        }
    } else if (stage->step == KUBERNETES_ENDING && !stage->forced &&
               !stage->kubernetes->places[stage->device].heard) {
        kubernetes_stage_end(stage);
    }
}

static void make_pod(struct kubernetes_stage *stage);

static void on_pause_over(uv_timer_t *timer)
{
    make_pod(timer->data);
}

/* What others use up they may give back. */
static bool wait_for_quota(struct kubernetes_stage *stage, const struct error *err)
{
    const char *node = stage->kubernetes->site.devices[stage->device].name;
    struct error why;

    if (err->code != -EACCES || strstr(err->text, "quota") == NULL) {
        return false;
    }
    error_set(&why, -ENOSPC, "%s gets no pod for %s: kubectl -n %s describe quota (%s)", node,
              stage->name, stage->kubernetes->space, err->text);
    be_troubled(stage, KUBERNETES_NO_ROOM, &why);
    if (clock_ms() - stage->troubled_ms >= ROOM_MS) {
        return false;
    }
    stage->step = KUBERNETES_PAUSE;
    kubernetes_stage_wait(stage, on_pause_over, PAUSE_MS);
    return true;
}

static void on_pod(void *owner, const struct kube_answer *answer, const struct error *err)
{
    struct kubernetes_stage *stage = owner;
    struct kubernetes *kubernetes = stage->kubernetes;

    (void)answer;
    stage->request = NULL;
    if (err != NULL && stage->stopping) {
        kubernetes_stage_drop(stage);
        return;
    }
    if (err != NULL && wait_for_quota(stage, err)) {
        return;
    }
    if (err != NULL) {
        struct error why = stage->trouble == KUBERNETES_NO_ROOM ? stage->why : *err;
        kubernetes_stage_fail(stage, &why);
        return;
    }
    json_decref(STEAL(stage->body));
    if (stage->stopping) {
        kubernetes_stage_end(stage);
        return;
    }
    stage->step = KUBERNETES_STARTING;
    stage->trouble = KUBERNETES_FINE;
    kubernetes_stage_wait(stage, on_late, START_MS);
    const json_t *pod = cluster_find_pod(kubernetes->cluster, kubernetes->space, stage->pod);
    if (pod != NULL) {
        kubernetes_stage_see(stage, pod); /* the watch was quicker */
    }
}

static void post(struct kubernetes_stage *stage, const char *kind, const json_t *body,
                 kube_done_fn done)
{
    cleanup(memory_free) char *path =
        memory_format("/api/v1/namespaces/%s/%s", stage->kubernetes->space, kind);
    const struct kube_call call = {
        .method = "POST", .path = path, .body = body, .urgency = KUBE_URGENT};

    stage->request = kube_ask(stage->kubernetes->api, &call, done, stage);
}

static void make_pod(struct kubernetes_stage *stage)
{
    stage->step = KUBERNETES_POD;
    post(stage, "pods", stage->body, on_pod);
}

static void on_secret(void *owner, const struct kube_answer *answer, const struct error *err)
{
    struct kubernetes_stage *stage = owner;

    (void)answer;
    stage->request = NULL;
    kubernetes_stage_forget_secret(stage);
    if (stage->stopping) {
        kubernetes_stage_drop(stage);
    } else if (err != NULL) {
        kubernetes_stage_fail(stage, err);
    } else {
        make_pod(stage);
    }
}

static void choose_random(char ret_random[KUBERNETES_RANDOM + 1])
{
    static const char letters[] = "bcdfghjklmnpqrstvwxz2456789"; /* no words */
    unsigned char bytes[KUBERNETES_RANDOM] = {0};

    ssize_t ignored = getrandom(bytes, sizeof(bytes), 0);
    (void)ignored;
    for (size_t i = 0; i < KUBERNETES_RANDOM; i++) {
        ret_random[i] = letters[bytes[i] % (sizeof(letters) - 1)];
    }
    ret_random[KUBERNETES_RANDOM] = '\0';
}

static void describe(struct kubernetes_stage *stage, const struct fabric_start *what)
{
    const struct kubernetes *kubernetes = stage->kubernetes;
    char random[KUBERNETES_RANDOM + 1];
    const struct kubernetes_pod pod = {.space = kubernetes->space,
                                       .run = kubernetes->run,
                                       .application = kubernetes->application,
                                       .resource = kubernetes->resource,
                                       .start = what,
                                       .device = &kubernetes->site.devices[stage->device],
                                       .image = stage->image,
                                       .random = random};

    choose_random(random);
    kubernetes_pod_name(&pod, stage->pod);
    stage->secret = kubernetes_pod_secret(&pod, stage->pod);
    stage->body = kubernetes_pod_describe(&pod, stage->pod);
}

static struct kubernetes_stage *add(struct kubernetes *kubernetes, const char *name,
                                    size_t device)
{
    struct kubernetes_stage *stage = memory_new(1, sizeof(*stage));

    stage->kubernetes = kubernetes;
    stage->name = memory_text(name);
    stage->device = device;
    stage->next = kubernetes->stages;
    kubernetes->stages = stage;
    return stage;
}

void kubernetes_stage_begin(struct kubernetes *kubernetes, const struct fabric_start *what,
                            size_t device, fabric_done_fn done, void *owner)
{
    struct kubernetes_stage *stage = add(kubernetes, what->stage, device);

    stage->life = what->life;
    stage->image = images_name(what->image != NULL ? what->image : "all");
    describe(stage, what);
    later_wait(&stage->starters, done, owner);
    stage->step = KUBERNETES_SECRET;
    post(stage, "secrets", stage->secret, on_secret);
}

/* Of two lives the later counts; what ended, or is ending, is cleared away. */
void kubernetes_stage_adopt(struct kubernetes *kubernetes, const json_t *pod)
{
    const char *name = kubernetes_label(pod, KUBERNETES_STAGE);
    const char *life = kubernetes_label(pod, KUBERNETES_LIFE);
    const char *device = kubernetes_annotation(pod, KUBERNETES_DEVICE);
    const char *called = kubernetes_text(pod, "metadata", "name");
    const json_t *container = json_array_get(kubernetes_part(pod, "spec", "containers"), 0);
    const char *image = json_string_value(json_object_get(container, "image"));
    unsigned number = life != NULL ? (unsigned)strtoul(life, NULL, 10) : 0;
    struct kubernetes_state state;
    struct error ignored;
    size_t index = 0;

    if (name == NULL || called == NULL) {
        return;
    }
    struct kubernetes_stage *old = kubernetes_stage_find(kubernetes, name);
    kubernetes_state_read(pod, &state);
    if (state.phase == KUBERNETES_ENDED || state.leaving || device == NULL ||
        site_find_device(&kubernetes->site, device, &index, &ignored) < 0 ||
        (old != NULL && old->life >= number)) {
        kubernetes_delete(kubernetes, "pods", called, true);
        kubernetes_delete(kubernetes, "secrets", called, false);
        return;
    }
    if (old != NULL) {
        kubernetes_stage_drop(old);
    }
    struct kubernetes_stage *stage = add(kubernetes, name, index);
    stage->life = number;
    stage->image = memory_text(image != NULL ? image : "");
    snprintf(stage->pod, sizeof(stage->pod), "%s", called);
    stage->step = KUBERNETES_STARTING;
    kubernetes_stage_wait(stage, on_late, START_MS);
    kubernetes_stage_see(stage, pod);
}
