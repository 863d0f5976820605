/* The life of one container.
 *
 *     create -> attach -> start, credentials -> runs -> (it dies) inspect -> remove -> gone
 *       |                                         \---> (asked to) remove -> those who asked
 *       \-> pull -> create
 *
 * One step is under way at a time; what comes meanwhile (a stop, a death) is remembered and
 * looked at when the step is done. A step that fails removes what there is, then those who
 * asked for the stage hear why.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/quantity.h"
#include "fabric/docker.h"

#define NAMES_MOST 4
#define START_MS   120000 /* an engine that has much to do takes its time */

static void ask(struct docker_stage *stage, const char *method, const char *path,
                const char *body, http_done_fn done)
{
    const struct http_request request = {.method = method,
                                         .path = path,
                                         .body = body,
                                         .size = body == NULL ? 0 : strlen(body),
                                         .timeout_ms = START_MS};

    stage->exchange = http_ask(stage->docker->http, &request, done, stage);
}

struct docker_stage *docker_stage_find(struct docker *docker, const char *name)
{
    struct docker_stage *stage = docker->stages;

    while (stage != NULL && strcmp(stage->name, name) != 0) {
        stage = stage->next;
    }
    return stage;
}

struct docker_stage *docker_stage_find_id(struct docker *docker, const char *id)
{
    struct docker_stage *stage = docker->stages;

    while (stage != NULL && (stage->id == NULL || strcmp(stage->id, id) != 0)) {
        stage = stage->next;
    }
    return stage;
}

void docker_stage_destroy(struct docker_stage *stage)
{
    struct docker_stage **at = &stage->docker->stages;

    while (*at != stage) {
        at = &(*at)->next;
    }
    *at = stage->next;
    docker_usage_end(stage);
    http_forget(stage->docker->http, stage->exchange);
    docker_attach_close(stage->attach);
    later_forget_all(&stage->starters);
    later_forget_all(&stage->stoppers);
    if (stage->credentials != NULL) {
        explicit_bzero(stage->credentials, strlen(stage->credentials));
    }
    memory_free(&stage->credentials);
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

static void remove_container(struct docker_stage *stage)
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
    ask(stage, "DELETE", path, NULL, on_removed);
}

static void fail(struct docker_stage *stage, const struct error *err)
{
    stage->failed = true;
    stage->trouble = memory_new(1, sizeof(*stage->trouble));
    *stage->trouble = *err;
    error_wrap(stage->trouble, "stage '%s'", stage->name);
    remove_container(stage);
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
    if (stage->end.starved) {
        describe_starvation(stage, &stage->end);
    }
    remove_container(stage);
}

void docker_stage_died(struct docker_stage *stage)
{
    if (stage->phase != DOCKER_RUNNING) {
        stage->died = true;
        return;
    }
    cleanup(memory_free) char *path = memory_format("/containers/%s/json", stage->id);
    stage->phase = DOCKER_ENDING;
    ask(stage, "GET", path, NULL, on_inspected);
}

static void on_started(void *owner, const struct http_answer *answer, const struct error *err)
{
    struct docker_stage *stage = owner;

    (void)answer;
    stage->exchange = NULL;
    if (err != NULL) {
        fail(stage, err);
        return;
    }
    docker_attach_send(STEAL(stage->attach), stage->credentials);
    explicit_bzero(stage->credentials, strlen(stage->credentials));
    memory_free(&stage->credentials);
    stage->phase = DOCKER_RUNNING;
    later_call_all(stage->docker->later, &stage->starters, NULL);
    if (stage->stopping) {
        remove_container(stage);
    } else if (stage->died) {
        docker_stage_died(stage);
    } else {
        docker_usage_follow(stage);
    }
}

static void on_attached(void *owner)
{
    struct docker_stage *stage = owner;
    cleanup(memory_free) char *path = memory_format("/containers/%s/start", stage->id);

    if (stage->stopping) {
        remove_container(stage);
        return;
    }
    stage->phase = DOCKER_STARTING;
    ask(stage, "POST", path, "", on_started);
}

static void on_not_attached(void *owner, const struct error *err)
{
    struct docker_stage *stage = owner;

    stage->attach = NULL;
    fail(stage, err);
}

static void create(struct docker_stage *stage);

static void on_pulled(void *owner, const struct http_answer *answer, const struct error *err)
{
    struct docker_stage *stage = owner;

    (void)answer;
    stage->exchange = NULL;
    if (err != NULL) {
        fail(stage, err);
    } else if (stage->stopping) {
        remove_container(stage);
    } else {
        docker_note(stage->docker, "%s: pulled", stage->image);
        create(stage);
    }
}

/* A refusal comes in the middle of the stream, with status 200. */
static void on_pull_line(void *owner, const char *line)
{
    struct docker_stage *stage = owner;
    json_t *json = json_loads(line, 0, NULL);
    const char *trouble = json_string_value(json_object_get(json, "error"));
    struct error err;

    if (trouble != NULL) {
        error_set(&err, -ENOPKG, "%s cannot be pulled: %s", stage->image, trouble);
        http_forget(stage->docker->http, STEAL(stage->exchange));
        fail(stage, &err);
    }
    json_decref(json);
}

static void pull(struct docker_stage *stage)
{
    static const struct http_listener listener = {.line = on_pull_line, .done = on_pulled};
    const char *colon = strrchr(stage->image, ':');
    cleanup(memory_free) char *path =
        memory_format("/images/create?fromImage=%.*s&tag=%s", (int)(colon - stage->image),
                      stage->image, colon + 1);
    const struct http_request request = {.method = "POST",
                                         .path = path,
                                         .body = "",
                                         .timeout_ms = START_MS,
                                         .silence_ms = START_MS};

    docker_note(stage->docker, "%s: pulling", stage->image);
    stage->phase = DOCKER_PULLING;
    stage->pulled = true;
    stage->exchange = http_follow(stage->docker->http, &request, &listener, stage);
}

/* The same answer stands for a network that is gone, so that the words must tell. */
static bool is_image_missing(const struct http_answer *answer)
{
    return answer->status == 404 && strcasestr(answer->body, "no such image") != NULL;
}

static void lack_image(struct docker_stage *stage)
{
    struct error err;

    if (docker_engine_has_registry() && !stage->pulled) {
        pull(stage);
        return;
    }
    error_set(
        &err, -ENOPKG,
        "the image %s is not at %s: type 'make images', or say with BRUME_IMAGES where it "
        "is to be had",
        stage->image, stage->docker->engine.name);
    fail(stage, &err);
}

/* The one before is still being removed, by somebody else. */
static void rename_container(struct docker_stage *stage)
{
    char *called = memory_format("%s-%u", stage->called, stage->n_names + 1);

    free(stage->called);
    stage->called = called;
}

static void on_created(void *owner, const struct http_answer *answer, const struct error *err)
{
    static const struct docker_attach_events events = {on_attached, on_not_attached};
    struct docker_stage *stage = owner;
    struct docker *docker = stage->docker;

    stage->exchange = NULL;
    if (err != NULL && is_image_missing(answer)) {
        lack_image(stage);
        return;
    }
    if (answer->status == 409 && ++stage->n_names < NAMES_MOST) {
        rename_container(stage);
        create(stage);
        return;
    }
    if (err != NULL) {
        fail(stage, err);
        return;
    }
    json_t *json = json_loads(answer->body, 0, NULL);
    stage->id = memory_text(json_string_value(json_object_get(json, "Id")));
    json_decref(json);
    if (stage->stopping || stage->id == NULL) {
        remove_container(stage);
        return;
    }
    stage->phase = DOCKER_ATTACHING;
    stage->attach =
        docker_attach_open(docker->site.loop, &docker->engine, stage->id, &events, stage);
}

static void create(struct docker_stage *stage)
{
    cleanup(memory_free) char *path =
        memory_format("/containers/create?name=%s", stage->called);

    stage->phase = DOCKER_CREATING;
    ask(stage, "POST", path, stage->body, on_created);
}

static void describe(struct docker *docker, const struct fabric_start *what,
                     struct docker_stage *stage)
{
    bool emulated = docker->emulated;
    cleanup(memory_free) char *group =
        emulated ? memory_format("/brume-%s/%zu", docker->site.ledger.run, stage->device + 1)
                 : NULL;
    cleanup(memory_free) char *network =
        emulated ? memory_format("container:%s", docker->holders[stage->device].id)
                 : memory_text(docker->network);
    const struct docker_container container = {
        .run = docker->site.ledger.run,
        .application = docker->application,
        .stage = what->stage,
        .device = what->device,
        .image = stage->image,
        .controller = what->controller,
        .network = network,
        .group = group,
        .cpu = emulated ? docker->site.cpus[stage->device] : -1,
        .memory = what->memory,
        .user = docker->user,
        .user_group = docker->user_group,
        .n_mounts = what->n_mounts,
        .mounts = what->mounts,
    };
    json_t *body = docker_container_describe(&container);

    stage->body = json_dumps(body, JSON_COMPACT);
    stage->called = docker_container_name(&container);
    json_decref(body);
}

int docker_stage_begin(struct docker *docker, const struct fabric_start *what, size_t device,
                       fabric_done_fn done, void *owner, struct error *err)
{
    if (docker_prepare_mounts(docker, what->n_mounts, what->mounts, err) < 0) {
        return error_wrap(err, "stage '%s'", what->stage);
    }
    struct docker_stage *stage = memory_new(1, sizeof(*stage));
    stage->docker = docker;
    stage->name = memory_text(what->stage);
    stage->device = device;
    stage->memory = what->memory;
    stage->credentials = memory_text(what->credentials);
    stage->image = docker_engine_image(what->image != NULL ? what->image : "all");
    describe(docker, what, stage);
    stage->next = docker->stages;
    docker->stages = stage;
    later_wait(&stage->starters, done, owner);
    create(stage);
    return 0;
}

void docker_stage_stop(struct docker_stage *stage, fabric_done_fn done, void *owner)
{
    later_wait(&stage->stoppers, done, owner);
    if (!stage->stopping) {
        stage->stopping = true;
        if (stage->phase == DOCKER_RUNNING) {
            remove_container(stage);
        }
    }
}
