/* Carries out what the course of an object says. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "controller/resources_state.h"
#include "controller/server.h"
#include "fabric/cluster.h"
#include "fabric/kubernetes_object.h"
#include "kube/api.h"
#include "kube/event.h"

static const json_t *metadata(const struct entry *entry)
{
    return json_object_get(entry->object, "metadata");
}

static json_int_t generation(const struct entry *entry)
{
    return json_integer_value(json_object_get(metadata(entry), "generation"));
}

/* As long as a change waits for its turn, all that is known is of the manifest before. */
static json_int_t observed(const struct entry *entry)
{
    bool before = entry->applied != NULL && entry->course.changed;

    return before ? entry->generation : generation(entry);
}

void resources_say(const struct entry *entry, bool warning, const char *reason,
                   const char *message)
{
    cleanup(memory_free) char *words = resource_manifest_explain(entry->manifest, message);

    if (!entry->resources->leaving) {
        kube_events_say(entry->resources->events, entry->object, warning, reason, words);
    }
}

static void set_text(char **text, const char *value)
{
    free(*text);
    *text = memory_text(value);
}

/* A run that came to its end under an earlier controller, as its object says: a report is the
 * end, and only with one is known what was lost. */
static bool is_over(const struct entry *entry)
{
    const json_t *status = json_object_get(entry->object, "status");
    const char *phase = resource_text(status, "phase");

    return json_integer_value(json_object_get(status, "observedGeneration")) ==
               generation(entry) &&
           (strcmp(phase, "Finished") == 0 ||
            (strcmp(phase, "Failed") == 0 && json_object_get(status, "lost") != NULL));
}

static void say_refused(struct entry *entry, const char *why)
{
    char quoted[512];

    if (entry->refused != NULL && strcmp(entry->refused, why) == 0) {
        return;
    }
    set_text(&entry->refused, why);
    resources_say(entry, true, "Refused", why);
    log_event(LOG_INFO, "controller.object-refused", "object=%s why=%s", entry->key,
              log_quote(why, quoted, sizeof(quoted)));
}

void resources_read_request(struct entry *entry)
{
    struct error err;

    resource_manifest_destroy(entry->manifest);
    entry->manifest = resource_manifest_create(entry->object, entry->resources->setup.files);
    json_decref(STEAL(entry->request));
    if (resource_manifest_request(entry->manifest, &entry->request, &err) < 0) {
        json_decref(STEAL(entry->applied));
        entry->course.changed = false;
        say_refused(entry, err.text);
        return;
    }
    if (entry->applied == NULL && !entry->course.held && is_over(entry)) {
        entry->applied = json_incref(entry->request);
    }
    entry->course.changed = !json_equal(entry->applied, entry->request);
}

/* A planner that finds no place for an operator says where that stands. */
static void explain(const struct entry *entry, json_t *record)
{
    cleanup(memory_free) char *message =
        resource_manifest_explain(entry->manifest, resource_text(record, "message"));

    json_object_set_new(record, "message", json_line(message));
}

json_t *resources_status(const struct entry *entry)
{
    cleanup(json_decrefp) json_t *record = NULL;
    struct error ignored;

    if (server_get(entry->resources->server, entry->key, &record, &ignored) == 0) {
        explain(entry, record);
    } else if (entry->refused == NULL && entry->waits == NULL) {
        return NULL;
    }
    const struct resource_facts facts = {
        .generation = observed(entry),
        .record = entry->course.other ? NULL : record,
        .refused = entry->refused,
        .waits = entry->waits,
        .retry_s = (unsigned)(course_retry_ms(&entry->course) / 1000)};
    return resource_status(&facts, entry->written, clock_wall_ms());
}

static char *path_of(const struct entry *entry, const char *tail)
{
    return memory_format("/apis/" RESOURCE_VERSION "/namespaces/%s/applications/%s%s",
                         entry->space, entry->name, tail);
}

/* What was kept is used once: an application that has ended under this controller has nothing
 * to be taken up. */
static void take_kept(struct entry *entry, const json_t *secret)
{
    json_decref(entry->kept);
    entry->kept = secret != NULL ? json_deep_copy(secret) : json_null();
    entry->course.kept = secret != NULL;
}

static void note_failure(struct entry *entry, enum course_action action,
                         const struct error *err)
{
    static const char *const names[] = {[COURSE_BIND] = "finalizer",
                                        [COURSE_UNBIND] = "finalizer",
                                        [COURSE_LOAD] = "state",
                                        [COURSE_WRITE] = "status"};
    char quoted[sizeof(err->text) * 2];

    entry->resources->n_failures++;
    if (err->code == -ENOENT || err->code == -EBUSY) {
        return; /* it is gone, or was changed meanwhile: the watch tells */
    }
    if (action == COURSE_BIND || action == COURSE_LOAD) {
        set_text(&entry->waits, err->text);
        entry->unsaid = true;
    }
    log_event(LOG_WARN, "controller.object-refuses", "object=%s what=%s why=%s", entry->key,
              names[action], log_quote(err->text, quoted, sizeof(quoted)));
}

/* It may have a change that the watch has not brought yet. Of one that is gone there is nothing
 * to know. */
static void take_answer(struct entry *entry, const json_t *object)
{
    if (entry->course.there && json_is_object(json_object_get(object, "metadata"))) {
        resources_take(entry, object);
    }
}

static void answered(void *owner, const struct kube_answer *answer, const struct error *err)
{
    struct entry *entry = owner;
    enum course_action action = entry->asked;

    bool nothing = action == COURSE_LOAD && err != NULL && err->code == -ENOENT;

    entry->asking = NULL;
    course_answered(&entry->course, action, err == NULL || nothing, clock_ms());
    if (err != NULL && !nothing) {
        note_failure(entry, action, err);
    } else if (action == COURSE_LOAD) {
        free(STEAL(entry->waits));
        take_kept(entry, answer->json);
    } else {
        free(STEAL(entry->waits));
        take_answer(entry, answer->json);
    }
    if (action == COURSE_WRITE && err == NULL) {
        json_decref(entry->said);
        entry->said = STEAL(entry->writing);
        entry->written_ms = clock_ms();
        entry->course.due = 0;
    }
    resources_note_status(entry);
    entry->unsaid = true;
    resources_wake(entry->resources);
}

static void ask(struct entry *entry, enum course_action action, const char *tail,
                const json_t *patch)
{
    cleanup(memory_free) char *path = path_of(entry, tail);
    const struct kube_call call = {.method = "PATCH", .path = path, .body = patch};

    entry->asked = action;
    entry->resources->n_writes++;
    entry->asking = kube_ask(entry->resources->setup.api, &call, answered, entry);
}

static void load(struct entry *entry)
{
    cleanup(memory_free) char *path = cluster_kept_path(entry->space, entry->name);
    const struct kube_call call = {.method = "GET", .path = path};

    entry->asked = COURSE_LOAD;
    entry->asking = kube_ask(entry->resources->setup.api, &call, answered, entry);
}

/* The version goes along, for others may change the same list. */
static void change_finalizers(struct entry *entry, enum course_action action)
{
    json_t *list = json_array(), *other;
    size_t i;

    json_array_foreach(json_object_get(metadata(entry), "finalizers"), i, other)
    {
        if (strcmp(json_string_value(other), KUBERNETES_FINALIZER) != 0) {
            json_array_append(list, other);
        }
    }
    if (action == COURSE_BIND) {
        json_array_append_new(list, json_string(KUBERNETES_FINALIZER));
    }
    cleanup(json_decrefp) json_t *patch = json_pack(
        "{s{sssoss}}", "metadata", "uid", resource_text(metadata(entry), "uid"), "finalizers",
        list, "resourceVersion", resource_text(metadata(entry), "resourceVersion"));
    ask(entry, action, "", patch);
}

/* It is made for the object as it was seen, and lands on no other: the API server does not
 * compare the uid of a status, but the version. */
static void write_status(struct entry *entry)
{
    cleanup(json_decrefp) json_t *patch = resource_patch(entry->written, entry->writing);

    json_object_set_new(patch, "metadata",
                        json_pack("{ssss}", "uid", resource_text(metadata(entry), "uid"),
                                  "resourceVersion",
                                  resource_text(metadata(entry), "resourceVersion")));
    ask(entry, COURSE_WRITE, "/status", patch);
}

static void apply(struct entry *entry)
{
    cleanup(json_decrefp) json_t *answer = NULL;
    struct error err;

    cleanup(json_decrefp) json_t *request = json_copy(entry->request);
    json_object_set(request, "kept", entry->kept);
    if (entry->course.deleted) {
        json_object_set_new(request, "ends", json_true());
    }
    json_decref(entry->applied);
    entry->applied = json_incref(entry->request);
    entry->generation = generation(entry);
    if (server_apply(entry->resources->server, request, &answer, &err) < 0) {
        cleanup(memory_free) char *why = resource_manifest_explain(entry->manifest, err.text);

        course_applied(&entry->course, false);
        say_refused(entry, why);
    } else {
        course_applied(&entry->course, true);
        take_kept(entry, NULL);
        free(STEAL(entry->refused));
        log_event(LOG_INFO, "controller.object-applied", "object=%s result=%s", entry->key,
                  resource_text(answer, "result"));
    }
    entry->unsaid = true;
}

static void end(struct entry *entry, bool now)
{
    struct error err;

    if (server_delete(entry->resources->server, entry->key, now, &err) < 0) {
        course_gone(&entry->course); /* it had it no more */
    }
    entry->unsaid = true;
}

void resources_do(struct entry *entry, enum course_action action)
{
    switch (action) {
    case COURSE_BIND:
    case COURSE_UNBIND:
        change_finalizers(entry, action);
        break;
    case COURSE_LOAD:
        load(entry);
        break;
    case COURSE_APPLY:
        apply(entry);
        break;
    case COURSE_DRAIN:
        end(entry, false);
        break;
    case COURSE_END:
        end(entry, true);
        break;
    case COURSE_WRITE:
        write_status(entry);
        break;
    case COURSE_WAIT:
    case COURSE_FORGET:
        break;
    }
}
