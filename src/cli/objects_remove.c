/* Deletion of an object. The controller's finalizer keeps it until the frames under way have
 * arrived and its stages are gone; without that finalizer it goes, and the controller, which
 * sees it gone, ends them at once. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/clock.h"
#include "base/memory.h"
#include "cli/cell.h"
#include "cli/objects_state.h"
#include "cli/objects_status.h"
#include "fabric/kubernetes_object.h"
#include "kube/watch.h"

enum { LONG_MS = 10000, AGAIN_MS = 60000 };

struct parting {
    struct objects *objects;
    const char *name;
    char *uid;
    struct kube_watch *watch;
    json_t *last; /* as it was seen last; or NULL */
    uv_timer_t *patience;
    bool gone, troubled;
};

static const json_t *metadata(const json_t *object)
{
    return json_object_get(object, "metadata");
}

/* Another of the same name is not what was deleted. */
static void came(void *owner, const json_t *object)
{
    struct parting *parting = owner;

    json_decref(parting->last);
    parting->last = json_deep_copy(object);
    parting->gone =
        parting->gone || strcmp(cell_text(metadata(object), "uid"), parting->uid) != 0;
}

static void went(void *owner, const json_t *object)
{
    (void)object;
    ((struct parting *)owner)->gone = true;
}

static void complete(void *owner)
{
    struct parting *parting = owner;

    parting->gone = parting->gone || kube_watch_find(parting->watch, parting->objects->space,
                                                     parting->name) == NULL;
}

static void trouble(void *owner, const char *why)
{
    struct parting *parting = owner;

    if (why != NULL && !parting->troubled) {
        fprintf(stderr, "brume: %s; waiting for it\n", why);
    }
    parting->troubled = why != NULL;
}

static void complain(uv_timer_t *timer)
{
    const struct parting *parting = timer->data;
    cleanup(json_decrefp) json_t *status = objects_status(parting->last, clock_wall_ms());
    json_t *finalizers = json_object_get(metadata(parting->last), "finalizers");
    const char *message = cell_text(status, "message");
    char list[120];

    fprintf(stderr, "brume: '%s' is not gone yet: %s%s%s; it waits for %s\n", parting->name,
            cell_text(status, "phase"), *message != '\0' ? ", " : "", message,
            json_array_size(finalizers) > 0 ? cell_list(finalizers, list, sizeof(list))
                                            : "the API server");
}

static void freed(uv_handle_t *handle)
{
    free(handle);
}

static void wait_until_gone(struct parting *parting)
{
    struct objects *objects = parting->objects;
    cleanup(memory_free) char *path = objects_path_watched(objects, parting->name);
    const struct kube_watch_listener listener = {.object = came,
                                                 .removed = went,
                                                 .complete = complete,
                                                 .trouble = trouble,
                                                 .owner = parting};

    parting->patience = memory_new(1, sizeof(*parting->patience));
    parting->patience->data = parting;
    uv_timer_init(&objects->loop, parting->patience);
    uv_timer_start(parting->patience, complain, LONG_MS, AGAIN_MS);
    parting->watch = kube_watch_open(objects->api, path, &listener);
    while (!parting->gone) {
        uv_run(&objects->loop, UV_RUN_ONCE);
    }
    kube_watch_close(parting->watch);
    uv_close((uv_handle_t *)parting->patience, freed);
}

/* Of the others' only; NULL: ours is not among them. */
static json_t *other_finalizers(const json_t *object)
{
    const json_t *all = json_object_get(metadata(object), "finalizers");
    json_t *others = json_array(), *entry;
    size_t i;

    json_array_foreach(all, i, entry)
    {
        if (!kubernetes_is(json_string_value(entry), KUBERNETES_FINALIZER)) {
            json_array_append(others, entry);
        }
    }
    if (json_array_size(others) == json_array_size(all)) {
        json_decref(others);
        return NULL;
    }
    return others;
}

/* One attempt; an exit code, or -1: others were faster. */
static int try_to_release(const struct parting *parting)
{
    struct objects *objects = parting->objects;
    cleanup(objects_answer_finish) struct objects_answer found = {0};
    cleanup(objects_answer_finish) struct objects_answer answer = {0};
    cleanup(memory_free) char *path = objects_path(objects, parting->name);

    if (objects_get(objects, path, &found) < 0) {
        return found.status == OBJECTS_NOT_FOUND
                   ? EX_OK
                   : objects_fail(objects, &found, parting->name, NULL);
    }
    json_t *others = other_finalizers(found.json);
    if (others == NULL || strcmp(cell_text(metadata(found.json), "uid"), parting->uid) != 0) {
        json_decref(others);
        return EX_OK;
    }
    cleanup(json_decrefp) json_t *patch =
        json_pack("{s{sssoss}}", "metadata", "uid", parting->uid, "finalizers", others,
                  "resourceVersion", cell_text(metadata(found.json), "resourceVersion"));
    const struct kube_call call = {.method = "PATCH", .path = path, .body = patch};
    if (objects_ask(objects, &call, &answer) == 0 || answer.status == OBJECTS_NOT_FOUND) {
        return EX_OK;
    }
    return answer.status == OBJECTS_CONFLICT
               ? -1
               : objects_fail(objects, &answer, parting->name, NULL);
}

static int release(const struct parting *parting)
{
    int code = -1;

    for (unsigned i = 0; i < OBJECTS_TRIES && code < 0; i++) {
        code = try_to_release(parting);
    }
    if (code < 0) {
        fprintf(stderr, "brume: others change the application '%s' all the time\n",
                parting->name);
    }
    return code < 0 ? EX_UNAVAILABLE : code;
}

static int ask_to_go(const struct parting *parting)
{
    struct objects *objects = parting->objects;
    cleanup(objects_answer_finish) struct objects_answer answer = {0};
    cleanup(memory_free) char *path = objects_path(objects, parting->name);
    cleanup(json_decrefp) json_t *options =
        json_pack("{sssss{ss}ss}", "apiVersion", "v1", "kind", "DeleteOptions", "preconditions",
                  "uid", parting->uid, "propagationPolicy", "Background");
    const struct kube_call call = {.method = "DELETE", .path = path, .body = options};

    objects_ask(objects, &call, &answer);
    bool other = answer.status == OBJECTS_CONFLICT || answer.status == OBJECTS_NOT_FOUND;
    return answer.err.code == 0 || other ? EX_OK
                                         : objects_fail(objects, &answer, parting->name, NULL);
}

int objects_remove(struct source *source, const char *name, bool now)
{
    struct objects *objects = (struct objects *)source;
    cleanup(json_decrefp) json_t *object = NULL;
    struct parting parting = {.objects = objects, .name = name};

    int code = objects_find(objects, name, &object);
    if (code != EX_OK) {
        return code;
    }
    cleanup(memory_free) char *uid = memory_text(cell_text(metadata(object), "uid"));
    parting.uid = uid;
    code = ask_to_go(&parting);
    if (code == EX_OK && now) {
        code = release(&parting);
    }
    if (code == EX_OK) {
        wait_until_gone(&parting);
    }
    json_decref(parting.last);
    return code;
}
