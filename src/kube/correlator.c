#include "kube/correlator.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "kube/pace.h"
#include "kube/store.h"
#include "kube/timestamp.h"

enum { NAME_MOST = 230 }; /* of 253, with a number behind it */

/* An event that is there. */
struct entry {
    char *key, *space, *name;
    unsigned count;
    uint64_t last_ms;
};

/* An object, and what it still may say. */
struct object {
    char *key;
    struct pace pace;
    uint64_t last_ms;
};

struct correlator {
    char *component, *host;
    size_t n_entries, n_objects;
    struct entry entries[CORRELATOR_EVENTS_MAX];
    struct object objects[CORRELATOR_OBJECTS_MAX];
    uint64_t n_created;
};

struct correlator *correlator_create(const char *component, const char *host)
{
    struct correlator *correlator = memory_new(1, sizeof(*correlator));

    correlator->component = memory_text(component);
    correlator->host = memory_text(host != NULL ? host : "");
    return correlator;
}

static void clear_entry(struct entry *entry)
{
    free(entry->key);
    free(entry->space);
    free(entry->name);
    *entry = (struct entry){0};
}

void correlator_destroy(struct correlator *correlator)
{
    if (correlator == NULL) {
        return;
    }
    for (size_t i = 0; i < correlator->n_entries; i++) {
        clear_entry(&correlator->entries[i]);
    }
    for (size_t i = 0; i < correlator->n_objects; i++) {
        free(correlator->objects[i].key);
    }
    free(correlator->component);
    free(correlator->host);
    free(correlator);
}

static const char *member(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text != NULL ? text : "";
}

/* A byte that is in no name stands between. */
static char *object_key(const json_t *object)
{
    return memory_format("%s\n%s\n%s\n%s", member(object, "kind"),
                         store_text(object, "namespace"), store_text(object, "name"),
                         store_text(object, "uid"));
}

static char *event_key(const char *object, const struct correlator_event *event)
{
    return memory_format("%s\n%d\n%s\n%s", object, event->warning, event->reason,
                         event->message);
}

static bool may_speak(struct correlator *correlator, const char *key, uint64_t now_ms)
{
    struct object *found = NULL, *oldest = NULL;

    for (size_t i = 0; i < correlator->n_objects && found == NULL; i++) {
        struct object *object = &correlator->objects[i];
        found = strcmp(object->key, key) == 0 ? object : NULL;
        oldest = oldest == NULL || object->last_ms < oldest->last_ms ? object : oldest;
    }
    if (found == NULL) {
        found = correlator->n_objects < CORRELATOR_OBJECTS_MAX
                    ? &correlator->objects[correlator->n_objects++]
                    : oldest;
        free(found->key);
        found->key = memory_text(key);
        pace_init(&found->pace, 1, CORRELATOR_BURST, now_ms);
    }
    found->last_ms = now_ms;
    return pace_take(&found->pace, now_ms) == 0;
}

/* The one that is there, or the place for it. */
static struct entry *find_entry(struct correlator *correlator, const char *key, uint64_t now_ms)
{
    struct entry *oldest = NULL;

    for (size_t i = 0; i < correlator->n_entries; i++) {
        struct entry *entry = &correlator->entries[i];
        if (strcmp(entry->key, key) == 0) {
            if (now_ms - entry->last_ms >= CORRELATOR_MEMORY_MS) {
                entry->count = 0;
            }
            return entry;
        }
        oldest = oldest == NULL || entry->last_ms < oldest->last_ms ? entry : oldest;
    }
    if (correlator->n_entries < CORRELATOR_EVENTS_MAX) {
        oldest = &correlator->entries[correlator->n_entries++];
    }
    clear_entry(oldest);
    oldest->key = memory_text(key);
    return oldest;
}

/* "street.18fc3a90b7c1": the object's name, as long as it fits, and a number. */
static char *make_name(struct correlator *correlator, const json_t *object, uint64_t wall_ms)
{
    cleanup(memory_free) char *start =
        memory_format("%.*s", NAME_MOST, store_text(object, "name"));
    size_t n = strlen(start);

    while (n > 0 && !isalnum((unsigned char)start[n - 1])) {
        start[--n] = '\0';
    }
    uint64_t number = wall_ms * 1000000 + correlator->n_created++ % 1000000;
    return memory_format("%s.%llx", n > 0 ? start : "object", (unsigned long long)number);
}

static json_t *make_body(const struct correlator *correlator, const struct entry *entry,
                         const struct correlator_event *event, const char *now)
{
    static const char *const copied[] = {"namespace", "name", "uid", "resourceVersion"};
    const json_t *object = event->object;
    cleanup(memory_free) char *message =
        memory_format("%.*s", CORRELATOR_MESSAGE_MAX, event->message);
    json_t *about = json_pack("{s:s, s:s}", "apiVersion", member(object, "apiVersion"), "kind",
                              member(object, "kind"));

    for (unsigned i = 0; i < sizeof(copied) / sizeof(*copied); i++) {
        if (*store_text(object, copied[i]) != '\0') {
            json_object_set_new(about, copied[i], json_string(store_text(object, copied[i])));
        }
    }
    return json_pack("{s:s, s:s, s:{s:s, s:s}, s:o, s:s, s:o, s:s, s:{s:s, s:s}, s:s, s:s, s:i,"
                     " s:s, s:s}",
                     "apiVersion", "v1", "kind", "Event", "metadata", "name", entry->name,
                     "namespace", entry->space, "involvedObject", about, "reason",
                     event->reason, "message", json_line(message), "type",
                     event->warning ? "Warning" : "Normal", "source", "component",
                     correlator->component, "host", correlator->host, "firstTimestamp", now,
                     "lastTimestamp", now, "count", 1, "reportingComponent",
                     correlator->component, "reportingInstance", correlator->host);
}

static void make_new(struct correlator *correlator, struct entry *entry,
                     const struct correlator_event *event, uint64_t wall_ms)
{
    const char *space = store_text(event->object, "namespace");

    free(entry->space);
    free(entry->name);
    entry->space = memory_text(*space != '\0' ? space : "default");
    entry->name = make_name(correlator, event->object, wall_ms);
}

enum correlator_verdict correlator_judge(struct correlator *correlator,
                                         const struct correlator_event *event, uint64_t now_ms,
                                         uint64_t wall_ms, struct correlator_write *ret_write)
{
    cleanup(memory_free) char *object = object_key(event->object);
    cleanup(memory_free) char *key = event_key(object, event);
    char now[KUBE_TIMESTAMP_TEXT];

    *ret_write = (struct correlator_write){0};
    if (!may_speak(correlator, object, now_ms)) {
        return CORRELATOR_DROP;
    }
    struct entry *entry = find_entry(correlator, key, now_ms);
    kube_timestamp(wall_ms, now);
    entry->last_ms = now_ms;
    if (entry->count++ == 0) {
        make_new(correlator, entry, event, wall_ms);
        ret_write->body = make_body(correlator, entry, event, now);
    } else {
        ret_write->body =
            json_pack("{s:i, s:s}", "count", (int)entry->count, "lastTimestamp", now);
    }
    ret_write->space = memory_text(entry->space);
    ret_write->name = memory_text(entry->name);
    return entry->count == 1 ? CORRELATOR_CREATE : CORRELATOR_COUNT;
}

void correlator_forget(struct correlator *correlator, const char *space, const char *name)
{
    for (size_t i = 0; i < correlator->n_entries; i++) {
        struct entry *entry = &correlator->entries[i];
        if (strcmp(entry->space, space) == 0 && strcmp(entry->name, name) == 0) {
            entry->count = 0;
        }
    }
}

void correlator_write_finish(struct correlator_write *write)
{
    memory_free(&write->space);
    memory_free(&write->name);
    json_decref(write->body);
    write->body = NULL;
}
