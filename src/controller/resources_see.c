/* What is seen of objects. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "controller/resources_state.h"
#include "fabric/kubernetes_object.h"
#include "kube/timestamp.h"
#include "kube/watch.h"

enum { QUIET_MS = 10000 };

static const char *meta(const json_t *object, const char *key)
{
    return resource_text(json_object_get(object, "metadata"), key);
}

static struct entry *add(struct resources *resources, const json_t *object)
{
    struct entry *entry = memory_new(1, sizeof(*entry));

    entry->resources = resources;
    entry->space = memory_text(meta(object, "namespace"));
    entry->name = memory_text(meta(object, "name"));
    entry->key = memory_format("%s/%s", entry->space, entry->name);
    entry->next = resources->entries;
    resources->entries = entry;
    return entry;
}

static bool has_finalizer(const json_t *object)
{
    const json_t *list = json_object_get(json_object_get(object, "metadata"), "finalizers");
    size_t i;
    json_t *entry;

    json_array_foreach(list, i, entry)
    {
        const char *text = json_string_value(entry);
        if (text != NULL && strcmp(text, KUBERNETES_FINALIZER) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_same(const json_t *object, const json_t *other)
{
    return strcmp(meta(object, "uid"), meta(other, "uid")) == 0;
}

/* Of one watch versions rise; what an answer brought may be newer than what the watch brings.
 */
static bool is_older(const json_t *object, const json_t *than)
{
    return is_same(object, than) && strtoull(meta(object, "resourceVersion"), NULL, 10) <
                                        strtoull(meta(than, "resourceVersion"), NULL, 10);
}

void resources_begin(struct entry *entry)
{
    free(entry->uid);
    entry->uid = memory_text(meta(entry->object, "uid"));
    entry->course.other = false;
    json_decref(entry->written);
    entry->written = json_incref(json_object_get(entry->object, "status"));
    const char *phase = resource_text(entry->written, "phase");
    bool ran = strcmp(phase, "Running") == 0 || strcmp(phase, "Updating") == 0;
    entry->written_ms = clock_ms();
    entry->quiet_until = ran ? clock_ms() + QUIET_MS : 0;
    json_decref(STEAL(entry->writing));
    json_decref(STEAL(entry->said));
    json_decref(STEAL(entry->applied));
    free(STEAL(entry->refused));
    resources_read_request(entry);
}

/* Only what decides what is to run; a status changes far more often. */
static bool asks_the_same(const json_t *object, const json_t *before)
{
    return json_equal(json_object_get(object, "spec"), json_object_get(before, "spec")) &&
           json_equal(json_object_get(json_object_get(object, "metadata"), "annotations"),
                      json_object_get(json_object_get(before, "metadata"), "annotations"));
}

/* By our clock; the other's may be ahead. 0: it is not to be. */
static uint64_t deleted_at(const json_t *object)
{
    uint64_t at, now = clock_wall_ms();

    if (kube_timestamp_read(meta(object, "deletionTimestamp"), &at) < 0) {
        return 0;
    }
    uint64_t ago = at < now ? now - at : 0;
    return ago < clock_ms() ? clock_ms() - ago : 0;
}

void resources_note_status(struct entry *entry)
{
    if (entry->asking == NULL && !entry->course.other) {
        json_decref(entry->written);
        entry->written = json_incref(json_object_get(entry->object, "status"));
    }
}

void resources_take(struct entry *entry, const json_t *object)
{
    if (is_older(object, entry->object)) {
        return;
    }
    json_t *mine = json_deep_copy(object);
    kube_strip(mine);
    bool same = asks_the_same(mine, entry->object);
    json_decref(entry->object);
    entry->object = mine;
    /* Events are about an object of a kind; items of a list do not tell theirs. */
    json_object_set_new(entry->object, "apiVersion", json_string(RESOURCE_VERSION));
    json_object_set_new(entry->object, "kind", json_string("Application"));
    entry->course.there = true;
    entry->course.bound = has_finalizer(object);
    entry->course.deleted = *meta(object, "deletionTimestamp") != '\0';
    entry->course.deleted_at = deleted_at(object);
    entry->course.other = entry->uid != NULL && strcmp(entry->uid, meta(object, "uid")) != 0;
    if (entry->uid == NULL || (entry->course.other && !entry->course.held)) {
        resources_begin(entry);
    } else if (!same) {
        resources_read_request(entry);
    }
    resources_note_status(entry);
    entry->unsaid = true;
}

void resources_came(void *owner, const json_t *object)
{
    struct resources *resources = owner;
    cleanup(memory_free) char *key =
        memory_format("%s/%s", meta(object, "namespace"), meta(object, "name"));
    struct entry *entry = resources_find(resources, key);

    resources_take(entry != NULL ? entry : add(resources, object), object);
    resources_wake(resources);
}

/* A watch that had to list again tells it as it knew it last, which may be long ago: gone it is
 * all the same. */
void resources_went(void *owner, const json_t *object)
{
    struct resources *resources = owner;
    cleanup(memory_free) char *key =
        memory_format("%s/%s", meta(object, "namespace"), meta(object, "name"));
    struct entry *entry = resources_find(resources, key);

    if (entry != NULL && is_same(object, entry->object)) {
        entry->course.there = false;
        resources_wake(resources);
    }
}
