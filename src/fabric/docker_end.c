/* How a container ends: inspected, removed, and then told of. docker_stage.c has the picture.
 */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/quantity.h"
#include "fabric/docker.h"

#define DOUBT_MS 1000

void docker_stage_ask(struct docker_stage *stage, const char *method, const char *path,
                      const char *body, http_done_fn done)
{
    const struct http_request request = {.method = method,
                                         .path = path,
                                         .body = body,
                                         .size = body == NULL ? 0 : strlen(body),
                                         .timeout_ms = DOCKER_START_MS};

    stage->exchange = http_ask(stage->docker->http, &request, done, stage);
}

static void release_timer(uv_handle_t *handle)
{
    free(handle);
}

static void stop_moment(struct docker_stage *stage)
{
    if (stage->moment != NULL) {
        uv_timer_stop(stage->moment);
        uv_close((uv_handle_t *)STEAL(stage->moment), release_timer);
    }
}

void docker_stage_destroy(struct docker_stage *stage)
{
    struct docker_stage **at = &stage->docker->stages;

    while (*at != stage) {
        at = &(*at)->next;
    }
    *at = stage->next;
    docker_usage_end(stage);
    stop_moment(stage);
    http_forget(stage->docker->http, stage->exchange);
    docker_attach_close(stage->attach);
    later_forget_all(&stage->starters);
    later_forget_all(&stage->stoppers);
    memory_wipe(&stage->credentials);
    memory_free(&stage->name);
    memory_free(&stage->image);
    memory_free(&stage->id);
    memory_free(&stage->called);
    memory_free(&stage->body);
    memory_free(&stage->trouble);
    free(stage);
}

/* From the loop, when nothing of the fabric is on the stack: the owner may close it. */
static void tell_gone(void *owner, const struct error *err)
{
    struct docker_stage *stage = owner;
    struct fabric_events events = stage->docker->events;
    struct docker_end end = stage->end;
    bool stopping = stage->stopping;
    cleanup(memory_free) char *name = memory_text(stage->name);

    (void)err;
    later_call_all(stage->docker->later, &stage->stoppers, NULL);
    docker_stage_destroy(stage);
    if (events.gone != NULL && !stopping) {
        events.gone(events.owner, name, end.how, end.starved);
    }
}

/* The container is no more. */
static void conclude(struct docker_stage *stage)
{
    struct later *later = stage->docker->later;

    if (stage->failed) {
        later_call_all(later, &stage->starters, stage->trouble);
    }
    if (stage->failed || stage->stopping) {
        later_call_all(later, &stage->starters, NULL);
        later_call_all(later, &stage->stoppers, NULL);
        docker_stage_destroy(stage);
        return;
    }
    later_call(later, tell_gone, stage, NULL);
}

static void on_removed(void *owner, const struct http_answer *answer, const struct error *err)
{
    struct docker_stage *stage = owner;

    (void)answer;
    (void)err; /* what would not go goes with the run */
    stage->exchange = NULL;
    conclude(stage);
}

void docker_stage_remove(struct docker_stage *stage)
{
    cleanup(memory_free) char *path =
        memory_format("/containers/%s?force=1", stage->id != NULL ? stage->id : "");

    docker_attach_close(STEAL(stage->attach));
    docker_usage_end(stage);
    stage->phase = DOCKER_REMOVING;
    if (stage->id == NULL) {
        conclude(stage);
        return;
    }
    docker_stage_ask(stage, "DELETE", path, NULL, on_removed);
}

void docker_stage_fail(struct docker_stage *stage, const struct error *err)
{
    stage->failed = true;
    stage->trouble = memory_new(1, sizeof(*stage->trouble));
    *stage->trouble = *err;
    error_wrap(stage->trouble, "stage '%s'", stage->name);
    docker_stage_remove(stage);
}

/* The engine's word, and whose limit it was. */
static void describe_starvation(const struct docker_stage *stage, struct docker_end *end)
{
    const struct fabric_device *device = &stage->docker->site.devices[stage->device];
    char memory[QUANTITY_MEMORY_TEXT];

    if (stage->memory > 0 && (device->memory == 0 || stage->memory <= device->memory)) {
        snprintf(end->how, sizeof(end->how), "killed by its memory limit (%s)",
                 quantity_memory_text(stage->memory, memory));
    } else if (device->memory > 0) {
        snprintf(end->how, sizeof(end->how), "killed by the memory limit of %s (%s)",
                 device->name, quantity_memory_text(device->memory, memory));
    } else {
        snprintf(end->how, sizeof(end->how), "killed because this machine has no memory left");
        end->starved = false;
    }
}

static void on_inspected(void *owner, const struct http_answer *answer,
                         const struct error *err);

static void inspect(struct docker_stage *stage)
{
    cleanup(memory_free) char *path = memory_format("/containers/%s/json", stage->id);

    stage->phase = DOCKER_ENDING;
    docker_stage_ask(stage, "GET", path, NULL, on_inspected);
}

/* The engine hears of an end and of its cause on two ways, and the cause may come later. That
 * is waited for once, where a limit was in the way and nobody else is known to have killed it.
 */
static bool is_doubtful(const struct docker_stage *stage)
{
    const struct docker *docker = stage->docker;
    struct cgroup_usage used = {.memory_hits = stage->memory > 0};

    if (stage->doubted || stage->stopping || stage->end.starved || !stage->end.killed) {
        return false;
    }
    if (docker->emulated && stage->memory == 0) {
        cgroup_read(&docker->emulation.groups[stage->device], &used);
    }
    return used.memory_hits > 0;
}

static void on_moment(uv_timer_t *timer)
{
    struct docker_stage *stage = timer->data;

    stop_moment(stage);
    inspect(stage);
}

static void ask_again(struct docker_stage *stage)
{
    stage->doubted = true;
    stage->moment = memory_new(1, sizeof(*stage->moment));
    stage->moment->data = stage;
    uv_timer_init(stage->docker->site.loop, stage->moment);
    uv_timer_start(stage->moment, on_moment, DOUBT_MS, 0);
}

static void on_inspected(void *owner, const struct http_answer *answer, const struct error *err)
{
    struct docker_stage *stage = owner;

    stage->exchange = NULL;
    if (err != NULL) {
        snprintf(stage->end.how, sizeof(stage->end.how), "%s",
                 answer->status == 404 ? "was removed by somebody" : "ended; how is not known");
    } else {
        json_t *json = json_loads(answer->body, 0, NULL);
        docker_container_judge(json, &stage->end);
        json_decref(json);
    }
    if (stage->end.runs && !stage->stopping) {
        stage->phase = DOCKER_RUNNING; /* it was another that ended */
        return;
    }
    stage->end.starved = stage->end.starved || stage->starved;
    if (err == NULL && is_doubtful(stage)) {
        ask_again(stage);
        return;
    }
    if (stage->end.starved) {
        describe_starvation(stage, &stage->end);
    }
    docker_stage_remove(stage);
}

void docker_stage_starved(struct docker_stage *stage)
{
    stage->starved = true;
}

void docker_stage_died(struct docker_stage *stage)
{
    if (stage->phase != DOCKER_RUNNING) {
        stage->died = true;
        return;
    }
    inspect(stage);
}
