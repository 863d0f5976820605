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
#include "base/file.h"
#include "base/memory.h"
#include "fabric/docker.h"
#include "fabric/images.h"

#define NAMES_MOST 4

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

static void on_started(void *owner, const struct http_answer *answer, const struct error *err)
{
    struct docker_stage *stage = owner;

    (void)answer;
    stage->exchange = NULL;
    if (err != NULL) {
        docker_stage_fail(stage, err);
        return;
    }
    docker_attach_send(STEAL(stage->attach), stage->credentials);
    memory_wipe(&stage->credentials);
    stage->phase = DOCKER_RUNNING;
    later_call_all(stage->docker->later, &stage->starters, NULL);
    if (stage->stopping) {
        docker_stage_remove(stage);
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
        docker_stage_remove(stage);
        return;
    }
    stage->phase = DOCKER_STARTING;
    docker_stage_ask(stage, "POST", path, "", on_started);
}

static void on_not_attached(void *owner, const struct error *err)
{
    struct docker_stage *stage = owner;

    stage->attach = NULL;
    docker_stage_fail(stage, err);
}

static void create(struct docker_stage *stage);

static void on_pulled(void *owner, const struct http_answer *answer, const struct error *err)
{
    struct docker_stage *stage = owner;

    (void)answer;
    stage->exchange = NULL;
    if (err != NULL) {
        docker_stage_fail(stage, err);
    } else if (stage->stopping) {
        docker_stage_remove(stage);
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
        docker_stage_fail(stage, &err);
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
                                         .timeout_ms = DOCKER_START_MS,
                                         .silence_ms = DOCKER_START_MS};

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

    if (images_have_registry() && !stage->pulled) {
        pull(stage);
        return;
    }
    docker_engine_lacks(&stage->docker->engine, stage->image, &err);
    docker_stage_fail(stage, &err);
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
        docker_stage_fail(stage, err);
        return;
    }
    json_t *json = json_loads(answer->body, 0, NULL);
    stage->id = memory_text(json_string_value(json_object_get(json, "Id")));
    json_decref(json);
    if (stage->stopping || stage->id == NULL) {
        docker_stage_remove(stage);
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
    docker_stage_ask(stage, "POST", path, stage->body, on_created);
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
    cleanup(memory_free) char *cache = file_cache_folder();
    const struct docker_container container = {
        .cache = cache,
        .operators = secure_getenv("BRUME_OPERATORS"),
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
        .user = docker->engine.rootless ? 0 : docker->user,
        .user_group = docker->engine.rootless ? 0 : docker->user_group,
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
    stage->image = images_name(what->image != NULL ? what->image : "all");
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
            docker_stage_remove(stage);
        }
    }
}
