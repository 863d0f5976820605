#include "cli/objects.h"

#include <errno.h>
#include <stdlib.h>
#include <sysexits.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/text.h"
#include "cli/cell.h"
#include "cli/command.h"
#include "cli/objects_state.h"
#include "cli/objects_status.h"
#include "http/http.h"
#include "kube/config.h"

char *objects_path(const struct objects *objects, const char *name)
{
    return memory_format(OBJECTS_GROUP "/namespaces/%s/applications%s%s", objects->space,
                         name != NULL ? "/" : "", name != NULL ? name : "");
}

char *objects_path_watched(const struct objects *objects, const char *name)
{
    cleanup(memory_free) char *path = objects_path(objects, NULL);

    return name == NULL ? memory_text(path)
                        : memory_format("%s?fieldSelector=metadata.name%%3D%s", path, name);
}

int objects_find(struct objects *objects, const char *name, json_t **ret_object)
{
    cleanup(objects_answer_finish) struct objects_answer answer = {0};
    int code = source_check_name(name);

    if (code != EX_OK) {
        return code;
    }
    cleanup(memory_free) char *path = objects_path(objects, name);
    if (objects_get(objects, path, &answer) < 0 || answer.json == NULL) {
        return objects_fail(objects, &answer, name, NULL);
    }
    *ret_object = STEAL(answer.json);
    return EX_OK;
}

char *objects_events_path(const struct objects *objects, const json_t *object)
{
    const char *uid = cell_text(json_object_get(object, "metadata"), "uid");

    return memory_format("/api/v1/namespaces/%s/events?fieldSelector=involvedObject.uid%%3D%s",
                         objects->space, uid);
}

json_t *objects_ask_events(struct objects *objects, const json_t *object)
{
    cleanup(objects_answer_finish) struct objects_answer answer = {0};
    cleanup(memory_free) char *path = objects_events_path(objects, object);

    (void)objects_get(objects, path, &answer);
    return objects_events(answer.json, clock_wall_ms());
}

static int list(struct source *source, json_t **ret_items)
{
    struct objects *objects = (struct objects *)source;
    cleanup(objects_answer_finish) struct objects_answer answer = {0};
    cleanup(memory_free) char *path = objects_path(objects, NULL);

    if (objects_get(objects, path, &answer) < 0 || answer.json == NULL) {
        return objects_fail(objects, &answer, NULL, NULL);
    }
    *ret_items = objects_statuses(answer.json, clock_wall_ms());
    return EX_OK;
}

static int get(struct source *source, const char *name, json_t **ret_status)
{
    cleanup(json_decrefp) json_t *object = NULL;
    int code = objects_find((struct objects *)source, name, &object);

    if (code == EX_OK) {
        *ret_status = objects_status(object, clock_wall_ms());
    }
    return code;
}

static int describe(struct source *source, const char *name, json_t **ret_status)
{
    struct objects *objects = (struct objects *)source;
    cleanup(json_decrefp) json_t *object = NULL;
    int code = objects_find(objects, name, &object);

    if (code == EX_OK) {
        *ret_status = objects_status(object, clock_wall_ms());
        json_object_set_new(*ret_status, "events", objects_ask_events(objects, object));
    }
    return code;
}

static void close_objects(struct source *source)
{
    struct objects *objects = (struct objects *)source;

    kube_api_close(objects->api);
    uv_run(&objects->loop, UV_RUN_DEFAULT);
    uv_loop_close(&objects->loop);
    free(objects->space);
    free(objects);
}

static const struct source_ops ops = {
    .noun = "application.brume.dev",
    .apply = objects_apply,
    .list = list,
    .get = get,
    .describe = describe,
    .watch = objects_watch,
    .read = objects_read_log,
    .load = objects_load,
    .remove = objects_remove,
    .close = close_objects,
};

int objects_open(const char *space, struct source **ret_source)
{
    struct objects *objects = memory_new(1, sizeof(*objects));
    struct kube_config *config = NULL;
    struct error err;

    objects->source.ops = &ops;
    uv_loop_init(&objects->loop);
    int r = kube_config_load(&config, &err);
    if (r == 0) {
        objects->space = memory_text(space != NULL ? space : kube_config_namespace(config));
        r = kube_api_open(&objects->loop, config, &objects->api, &err);
    }
    if (r == 0 && !text_is_label(objects->space)) {
        r = error_set(&err, -EINVAL, "'%s' is no name of a namespace (a-z, 0-9, -)",
                      objects->space);
    }
    if (r < 0) {
        close_objects(&objects->source);
        return command_fail(&err);
    }
    *ret_source = &objects->source;
    return EX_OK;
}
