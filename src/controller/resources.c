/* Hears the server, and lets the course of each object decide. */
#include "controller/resources.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "controller/profiles.h"
#include "controller/resources_state.h"
#include "controller/server.h"
#include "kube/api.h"
#include "kube/event.h"
#include "kube/watch.h"

enum { GATHER_MS = 20 /* what comes together is looked at together */ };

static void look(uv_timer_t *timer);

void resources_wake(struct resources *resources)
{
    uint64_t due = uv_timer_get_due_in(&resources->timer);

    if (!resources->leaving &&
        (!uv_is_active((uv_handle_t *)&resources->timer) || due > GATHER_MS)) {
        uv_timer_start(&resources->timer, look, GATHER_MS, 0);
    }
}

struct entry *resources_find(const struct resources *resources, const char *key)
{
    struct entry *entry = resources->entries;

    while (entry != NULL && strcmp(entry->key, key) != 0) {
        entry = entry->next;
    }
    return entry;
}

void resources_free(struct entry *entry)
{
    resource_manifest_destroy(entry->manifest);
    json_decref(entry->object);
    json_decref(entry->request);
    json_decref(entry->applied);
    json_decref(entry->written);
    json_decref(entry->writing);
    json_decref(entry->said);
    json_decref(entry->kept);
    free(entry->space);
    free(entry->name);
    free(entry->key);
    free(entry->uid);
    free(entry->refused);
    free(entry->waits);
    free(entry);
}

static void trouble_came(void *owner, const char *why)
{
    struct resources *resources = owner;
    char quoted[512];

    if (why != NULL) {
        log_event(LOG_WARN, "controller.objects-unwatched", "why=%s",
                  log_quote(why, quoted, sizeof(quoted)));
    } else if (resources->trouble != NULL) {
        log_event(LOG_WARN, "controller.objects-watched", "again=true");
    }
    free(resources->trouble);
    resources->trouble = memory_text(why);
}

/* What an operator says is for people, and for whoever collects the logs of pods. */
static void print_words(const char *key, const json_t *message)
{
    printf("%s: %s\n", key, resource_text(message, "line"));
    fflush(stdout);
}

static void server_said(void *owner, const char *key, const json_t *message)
{
    struct resources *resources = owner;
    struct entry *entry = resources_find(resources, key);
    const char *type = resource_text(message, "type");
    struct resource_event event;

    if (entry == NULL) {
        return;
    }
    if (resource_event(message, &event)) {
        if (event.warning || entry->quiet_until == 0) {
            resources_say(entry, event.warning, event.reason, event.message);
        }
        free(event.message);
    }
    if (strcmp(type, "say") == 0) {
        print_words(key, message);
    }
    if (strcmp(type, "running") == 0) {
        course_runs(&entry->course, clock_ms());
    }
    if (strcmp(type, "plan") == 0 || strcmp(type, "error") == 0) {
        profiles_touch(resources->setup.profiles);
    }
    entry->unsaid = true;
    resources_wake(resources);
}

/* A run that came to its end has a report, whether all went well or not: it is over. */
static bool may_do_better(const struct resources *resources, const char *key)
{
    cleanup(json_decrefp) json_t *status = NULL;
    struct error ignored;

    return server_get(resources->server, key, &status, &ignored) == 0 &&
           strcmp(resource_text(status, "phase"), "Failed") == 0 &&
           json_is_null(json_object_get(status, "report"));
}

static void server_ended(void *owner, const char *key)
{
    struct resources *resources = owner;
    struct entry *entry = resources_find(resources, key);

    if (entry != NULL) {
        course_ended(&entry->course, may_do_better(resources, key), clock_ms());
        entry->unsaid = true;
        resources_wake(resources);
    }
}

static void server_gone(void *owner, const char *key)
{
    struct resources *resources = owner;
    struct entry *entry = resources_find(resources, key);

    if (entry == NULL) {
        return;
    }
    course_gone(&entry->course);
    resources_begin(entry);
    entry->unsaid = true;
    resources_wake(resources);
}

static void tell_move(void *owner, const struct resource_event *event)
{
    resources_say(owner, event->warning, event->reason, event->message);
}

/* What is taken up says what it was before: it runs, and what it says on the way there is no
 * news to anybody. */
static bool is_quiet(struct entry *entry, const json_t *status, uint64_t now)
{
    static const char *const ways[] = {"Measuring", "Starting"};

    for (size_t i = 0; i < sizeof(ways) / sizeof(*ways) && now < entry->quiet_until; i++) {
        if (strcmp(resource_text(status, "phase"), ways[i]) == 0) {
            entry->course.due = entry->quiet_until;
            return true;
        }
    }
    entry->quiet_until = 0;
    return false;
}

/* What others made of it is put right after a while: an API server that does not keep all that
 * we say is not asked again and again. */
static uint64_t when_due(const struct entry *entry, const json_t *status, uint64_t now)
{
    uint64_t due = resource_due(entry->written, status, entry->written_ms, now);

    if (due == 0 || entry->said == NULL) {
        return due;
    }
    uint64_t news = resource_due(entry->said, status, entry->written_ms, now);
    return news > 0 ? news : entry->written_ms + RESOURCE_COUNTS_MS;
}

/* Whether the status should be written, and when. */
static void judge_status(struct entry *entry, uint64_t now)
{
    cleanup(json_decrefp) json_t *status = entry->unsaid ? resources_status(entry) : NULL;

    if (status != NULL && is_quiet(entry, status, now)) {
        return;
    }
    entry->unsaid = false;
    if (status == NULL) {
        return;
    }
    resource_moves(entry->writing != NULL ? entry->writing : entry->written, status, tell_move,
                   entry);
    entry->course.due = when_due(entry, status, now);
    json_decref(entry->writing);
    entry->writing = STEAL(status);
}

/* Does what there is to do about one; COURSE_WAIT when that is nothing. */
static enum course_action step(struct entry *entry, uint64_t *ret_when)
{
    uint64_t now = clock_ms();

    if (!entry->course.asking) {
        judge_status(entry, now);
    }
    enum course_action action = course_next(&entry->course, now, ret_when);
    if (action != COURSE_WAIT && action != COURSE_FORGET) {
        resources_do(entry, action);
    }
    return action;
}

/* A manifest that names networks takes a while to read: then others have as much time before
 * the next. */
static void look(uv_timer_t *timer)
{
    struct resources *resources = timer->data;
    uint64_t next = 0, when, began = clock_ms();
    bool more = false;

    for (struct entry **at = &resources->entries; *at != NULL && !more;) {
        struct entry *entry = *at;
        enum course_action action = step(entry, &when);

        if (action == COURSE_FORGET) {
            *at = entry->next;
            resources_free(entry);
            continue;
        }
        if (action == COURSE_WAIT) {
            next = when > 0 && (next == 0 || when < next) ? when : next;
            at = &entry->next;
        }
        more = action == COURSE_APPLY;
    }
    uint64_t now = clock_ms(), wait = more ? now - began + 1 : next > now ? next - now : 1;
    bool woken = uv_is_active((uv_handle_t *)timer) && uv_timer_get_due_in(timer) < wait;
    if ((more || next > 0) && !woken) {
        uv_timer_start(timer, look, wait, 0);
    }
}

struct resources *resources_open(const struct resources_setup *setup)
{
    struct resources *resources = memory_new(1, sizeof(*resources));
    const struct server_listener heard = {server_said, server_ended, server_gone, resources};
    const struct server_setup server = {setup->loop, setup->cluster, &heard};
    const struct kube_watch_listener seen = {.object = resources_came,
                                             .removed = resources_went,
                                             .trouble = trouble_came,
                                             .owner = resources};
    cleanup(memory_free) char *path =
        setup->space == NULL
            ? memory_text("/apis/" RESOURCE_VERSION "/applications")
            : memory_format("/apis/" RESOURCE_VERSION "/namespaces/%s/applications",
                            setup->space);
    char host[256] = "";

    resources->setup = *setup;
    gethostname(host, sizeof(host) - 1);
    uv_timer_init(setup->loop, &resources->timer);
    resources->timer.data = resources;
    resources->events = kube_events_create(setup->api, "brume-controller", host);
    resources->server = server_create(&server);
    resources->watch = kube_watch_open(setup->api, path, &seen);
    return resources;
}

void resources_leave(struct resources *resources)
{
    if (resources == NULL || resources->leaving) {
        return;
    }
    resources->leaving = true;
    kube_watch_close(STEAL(resources->watch));
    for (struct entry *entry = resources->entries; entry != NULL; entry = entry->next) {
        kube_forget(resources->setup.api, STEAL(entry->asking));
    }
    server_leave(resources->server);
    kube_events_destroy(STEAL(resources->events));
    uv_close((uv_handle_t *)&resources->timer, NULL);
}

void resources_destroy(struct resources *resources)
{
    if (resources == NULL) {
        return;
    }
    server_destroy(resources->server);
    while (resources->entries != NULL) {
        struct entry *entry = resources->entries;
        resources->entries = entry->next;
        resources_free(entry);
    }
    free(resources->trouble);
    free(resources);
}

const char *resources_trouble(const struct resources *resources)
{
    if (resources->trouble != NULL) {
        return resources->trouble;
    }
    return kube_watch_is_complete(resources->watch) ? NULL : "applications are not listed yet";
}

json_t *resources_list(const struct resources *resources)
{
    json_t *list = json_array();

    for (const struct entry *entry = resources->entries; entry != NULL; entry = entry->next) {
        struct error ignored;
        json_t *status = NULL;

        if (server_get(resources->server, entry->key, &status, &ignored) < 0) {
            const char *phase = entry->refused != NULL ? "Refused" : "Pending";
            const json_t *last = json_object_get(entry->written, "phase");
            status = json_pack("{sO}", "phase", last);
            if (status == NULL) {
                status = json_pack("{ss}", "phase", phase);
            }
        }
        json_array_append_new(list, json_pack("{sssssO}", "namespace", entry->space, "name",
                                              entry->name, "status", status));
        json_decref(status);
    }
    return list;
}

void resources_count(const struct resources *resources, uint64_t *ret_writes,
                     uint64_t *ret_failures)
{
    *ret_writes = resources->n_writes;
    *ret_failures = resources->n_failures;
}
