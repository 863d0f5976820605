#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/clock.h"
#include "base/memory.h"
#include "cli/cell.h"
#include "cli/objects_state.h"
#include "cli/objects_status.h"
#include "kube/watch.h"

struct vigil {
    const struct source_watching *watching;
    json_t *told; /* by name: the version that was told */
    struct kube_watch *watch;
    const char *space;
    bool over, troubled;
};

static const char *meta(const json_t *object, const char *key)
{
    return cell_text(json_object_get(object, "metadata"), key);
}

static void tell(struct vigil *vigil, json_t *status)
{
    cleanup(json_decrefp) json_t *items = json_pack("[o]", status);

    vigil->over = vigil->over || !vigil->watching->told(vigil->watching->owner, items);
}

static void came(void *owner, const json_t *object)
{
    struct vigil *vigil = owner;
    const char *name = meta(object, "name"), *version = meta(object, "resourceVersion");

    if (vigil->over || strcmp(cell_text(vigil->told, name), version) == 0) {
        return;
    }
    json_object_set_new(vigil->told, name, json_string(version));
    tell(vigil, objects_status(object, clock_wall_ms()));
}

static void tell_gone(struct vigil *vigil, json_t *status)
{
    json_object_set_new(status, "phase", json_string("Deleted"));
    json_object_del(vigil->told, cell_text(status, "name"));
    tell(vigil, status);
    vigil->over = vigil->over || vigil->watching->name != NULL;
}

static void went(void *owner, const json_t *object)
{
    struct vigil *vigil = owner;

    if (!vigil->over) {
        tell_gone(vigil, objects_status(object, clock_wall_ms()));
    }
}

/* The one that was there went before it could be watched. */
static void complete(void *owner)
{
    struct vigil *vigil = owner;
    const char *name = vigil->watching->name;

    if (!vigil->over && name != NULL &&
        kube_watch_find(vigil->watch, vigil->space, name) == NULL) {
        tell_gone(vigil, json_pack("{ss}", "name", name));
    }
}

static void trouble(void *owner, const char *why)
{
    struct vigil *vigil = owner;

    if (why != NULL && !vigil->troubled) {
        fprintf(stderr, "brume: %s; waiting for it\n", why);
    }
    vigil->troubled = why != NULL;
}

/* What there is now. */
static int begin(struct objects *objects, struct vigil *vigil)
{
    const char *name = vigil->watching->name;
    cleanup(objects_answer_finish) struct objects_answer answer = {0};
    cleanup(memory_free) char *path = objects_path(objects, name);
    cleanup(json_decrefp) json_t *items = NULL;
    json_t *object;
    size_t i;

    int code = name != NULL ? source_check_name(name) : EX_OK;
    if (code != EX_OK) {
        return code;
    }
    if (objects_get(objects, path, &answer) < 0 || answer.json == NULL) {
        return objects_fail(objects, &answer, name, NULL);
    }
    cleanup(json_decrefp) json_t *list =
        name != NULL ? json_pack("{s[O]}", "items", answer.json) : json_incref(answer.json);
    items = objects_statuses(list, clock_wall_ms());
    json_array_foreach(json_object_get(list, "items"), i, object)
    {
        json_object_set_new(vigil->told, meta(object, "name"),
                            json_string(meta(object, "resourceVersion")));
    }
    vigil->over = !vigil->watching->told(vigil->watching->owner, items);
    return EX_OK;
}

int objects_watch(struct source *source, const struct source_watching *watching)
{
    struct objects *objects = (struct objects *)source;
    cleanup(json_decrefp) json_t *told = json_object();
    cleanup(memory_free) char *path = objects_path_watched(objects, watching->name);
    struct vigil vigil = {.watching = watching, .told = told, .space = objects->space};
    const struct kube_watch_listener listener = {.object = came,
                                                 .removed = went,
                                                 .complete = complete,
                                                 .trouble = trouble,
                                                 .owner = &vigil};
    int code = begin(objects, &vigil);

    if (code != EX_OK || vigil.over) {
        return code;
    }
    vigil.watch = kube_watch_open(objects->api, path, &listener);
    while (!vigil.over) {
        uv_run(&objects->loop, UV_RUN_ONCE);
    }
    kube_watch_close(vigil.watch);
    return EX_OK;
}
