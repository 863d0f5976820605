/* What the engine tells of containers that end.
 *
 * /events is followed as long as the fabric is open. When it begins, and begins again after the
 * engine was away, containers are listed: what ended in between, or is not there any more,
 * died.
 */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "fabric/docker.h"

#define AGAIN_MS 500

static void on_listed(void *owner, const struct http_answer *answer, const struct error *err)
{
    struct docker *docker = owner;
    json_t *list = err != NULL ? NULL : json_loads(answer->body, 0, NULL), *entry;
    size_t i;

    if (!json_is_array(list)) {
        json_decref(list);
        return;
    }
    for (struct docker_stage *stage = docker->stages; stage != NULL; stage = stage->next) {
        stage->listed = false;
    }
    json_array_foreach(list, i, entry)
    {
        const char *id = json_string_value(json_object_get(entry, "Id"));
        const char *state = json_string_value(json_object_get(entry, "State"));
        struct docker_stage *stage = id == NULL ? NULL : docker_stage_find_id(docker, id);

        if (stage != NULL) {
            stage->listed = state != NULL && strcmp(state, "running") == 0;
        }
    }
    json_decref(list);
    for (struct docker_stage *stage = docker->stages; stage != NULL; stage = stage->next) {
        if (!stage->listed && stage->phase == DOCKER_RUNNING) {
            docker_stage_died(stage);
        }
    }
}

static void on_opened(void *owner)
{
    struct docker *docker = owner;
    cleanup(memory_free) char *filter = docker_engine_filter(docker->site.ledger.run, NULL);
    cleanup(memory_free) char *path = memory_format("/containers/json?all=1&%s", filter);
    const struct http_request request = {.path = path};

    if (docker->silent) {
        docker->silent = false;
        docker_note(docker, "%s is back", docker->engine.name);
    }
    http_ask(docker->http, &request, on_listed, docker);
}

static void on_line(void *owner, const char *line)
{
    struct docker *docker = owner;
    json_t *json = json_loads(line, 0, NULL);
    const char *id = json_string_value(json_object_get(json, "id"));
    const char *status = json_string_value(json_object_get(json, "status"));
    struct docker_stage *stage = id == NULL ? NULL : docker_stage_find_id(docker, id);

    if (stage != NULL && status != NULL && strcmp(status, "oom") == 0) {
        docker_stage_starved(stage);
    } else if (stage != NULL) {
        docker_stage_died(stage);
    }
    json_decref(json);
}

static void on_time(uv_timer_t *timer)
{
    docker_events_watch(timer->data);
}

static void on_end(void *owner, const struct http_answer *answer, const struct error *err)
{
    struct docker *docker = owner;

    (void)answer;
    docker->watching = NULL;
    if (!docker->silent) {
        docker->silent = true;
        docker_note(docker, "%s went away, which is waited for: %s", docker->engine.name,
                    err != NULL ? err->text : "it hung up");
    }
    uv_timer_start(docker->again, on_time, AGAIN_MS, 0);
}

void docker_events_watch(struct docker *docker)
{
    static const struct http_listener listener = {on_opened, on_line, on_end};
    cleanup(memory_free) char *filter = docker_engine_filter(
        docker->site.ledger.run, /* Podman asks for the second, and then says the first. */
        "\"type\":[\"container\"],\"event\":[\"die\",\"died\",\"oom\"]");
    cleanup(memory_free) char *path = memory_format("/events?%s", filter);
    const struct http_request request = {.path = path};

    docker->watching = http_follow(docker->http, &request, &listener, docker);
}
