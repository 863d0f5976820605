#include "fabric/kubernetes_state.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/quantity.h"
#include "fabric/ending.h"
#include "fabric/kubernetes_object.h"

static bool is_one_of(const char *text, const char *const *words)
{
    while (text != NULL && *words != NULL && strcmp(text, *words) != 0) {
        words++;
    }
    return text != NULL && *words != NULL;
}

static const char *text(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

/* "killed by its memory limit (96Mi)" */
static void describe_starvation(const json_t *pod, struct kubernetes_state *state)
{
    const json_t *container = json_array_get(kubernetes_part(pod, "spec", "containers"), 0);
    const json_t *limits = kubernetes_part(container, "resources", "limits");
    const char *limit = text(limits, "memory");
    char memory[QUANTITY_MEMORY_TEXT] = "";
    uint64_t bytes;

    state->starved = true;
    if (limit != NULL && quantity_memory(limit, &bytes) == 0) {
        quantity_memory_text(bytes, memory);
    }
    snprintf(state->how, sizeof(state->how), "killed by its memory limit (%s)", memory);
}

static void read_end(const json_t *pod, const json_t *terminated,
                     struct kubernetes_state *state)
{
    static const char *const never_ran[] = {"StartError", "ContainerCannotRun", NULL};
    const char *reason = text(terminated, "reason");
    const char *message = text(terminated, "message");
    json_int_t code = json_integer_value(json_object_get(terminated, "exitCode"));

    state->phase = KUBERNETES_ENDED;
    state->ran = !is_one_of(reason, never_ran);
    if (!state->ran) {
        snprintf(state->how, sizeof(state->how), "did not run: %s",
                 message != NULL ? message : reason);
        return;
    }
    (void)ending_describe(code, state->how, sizeof(state->how));
    if (kubernetes_is(reason, "OOMKilled")) {
        describe_starvation(pod, state);
    }
}

/* The node put it out: why matters more than by which signal. */
static void read_eviction(const json_t *pod, struct kubernetes_state *state)
{
    const char *message = kubernetes_text(pod, "status", "message");
    const char *node = kubernetes_text(pod, "spec", "nodeName");

    state->phase = KUBERNETES_ENDED;
    state->ran = true;
    state->starved = message != NULL && strcasestr(message, "memory") != NULL;
    snprintf(state->how, sizeof(state->how), "evicted by %s: %s",
             node != NULL ? node : "its node", message != NULL ? message : "no word why");
}

/* The node did not take it: there is no container that could tell. */
static void read_refusal(const json_t *pod, struct kubernetes_state *state)
{
    const char *reason = kubernetes_text(pod, "status", "reason");
    const char *message = kubernetes_text(pod, "status", "message");
    const char *node = kubernetes_text(pod, "spec", "nodeName");

    state->phase = KUBERNETES_ENDED;
    state->ran = json_array_size(kubernetes_part(pod, "status", "containerStatuses")) > 0;
    snprintf(state->how, sizeof(state->how), "not taken by %s: %s%s%s",
             node != NULL ? node : "its node", reason != NULL ? reason : "no word why",
             message != NULL ? ": " : "", message != NULL ? message : "");
}

static void read_scheduling(const json_t *pod, struct kubernetes_state *state)
{
    const json_t *condition;
    size_t i;

    json_array_foreach(kubernetes_part(pod, "status", "conditions"), i, condition)
    {
        if (kubernetes_is(text(condition, "type"), "PodScheduled") &&
            kubernetes_is(text(condition, "status"), "False")) {
            state->trouble = KUBERNETES_NO_ROOM;
            state->reason = text(condition, "reason");
            state->why = text(condition, "message");
        }
    }
}

static void read_waiting(const json_t *pod, const json_t *waiting,
                         struct kubernetes_state *state)
{
    static const char *const usual[] = {"ContainerCreating", "PodInitializing", NULL};
    static const char *const image[] = {"ErrImagePull",
                                        "ImagePullBackOff",
                                        "ErrImageNeverPull",
                                        "InvalidImageName",
                                        "ImageInspectError",
                                        "RegistryUnavailable",
                                        NULL};

    state->phase = KUBERNETES_WAITING;
    state->reason = text(waiting, "reason");
    state->why = text(waiting, "message");
    if (is_one_of(state->reason, image)) {
        state->trouble = KUBERNETES_NO_IMAGE;
    } else if (state->reason != NULL && !is_one_of(state->reason, usual)) {
        state->trouble = KUBERNETES_REFUSED;
    } else {
        read_scheduling(pod, state);
    }
}

void kubernetes_state_read(const json_t *pod, struct kubernetes_state *ret_state)
{
    const char *phase = kubernetes_text(pod, "status", "phase");
    const json_t *container =
        json_array_get(kubernetes_part(pod, "status", "containerStatuses"), 0);
    const json_t *state = json_object_get(container, "state");
    const json_t *terminated = json_object_get(state, "terminated");

    *ret_state = (struct kubernetes_state){
        .leaving = kubernetes_text(pod, "metadata", "deletionTimestamp") != NULL};
    if (kubernetes_is(kubernetes_text(pod, "status", "reason"), "Evicted")) {
        read_eviction(pod, ret_state);
    } else if (json_is_object(terminated)) {
        read_end(pod, terminated, ret_state);
    } else if (kubernetes_is(phase, "Failed") || kubernetes_is(phase, "Succeeded")) {
        read_refusal(pod, ret_state);
    } else if (json_is_object(json_object_get(state, "running"))) {
        ret_state->phase = KUBERNETES_RUNNING;
        ret_state->ran = true;
    } else {
        read_waiting(pod, json_object_get(state, "waiting"), ret_state);
    }
}

int kubernetes_state_explain(const struct kubernetes_state *state,
                             const struct kubernetes_subject *subject, struct error *err)
{
    const char *why = state->why != NULL ? state->why : state->reason;

    why = why != NULL ? why : "no word why";
    switch (state->trouble) {
    case KUBERNETES_NO_IMAGE:
        return error_set(err, -ENOPKG,
                         "%s cannot get the image %s for %s: load it there, or say with "
                         "BRUME_IMAGES where it is to be had (pod %s/%s: %s)",
                         subject->node, subject->image, subject->stage, subject->space,
                         subject->pod, why);
    case KUBERNETES_NO_ROOM:
        return error_set(
            err, -ENOSPC, "%s has no room for %s: kubectl describe node %s (pod %s/%s: %s)",
            subject->node, subject->stage, subject->node, subject->space, subject->pod, why);
    default:
        return error_set(err, -EIO, "%s does not start %s: kubectl -n %s describe pod %s (%s)",
                         subject->node, subject->stage, subject->space, subject->pod, why);
    }
}
