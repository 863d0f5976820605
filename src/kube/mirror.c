#include "kube/mirror.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "http/http.h"
#include "kube/pace.h"
#include "kube/store.h"

struct mirror {
    char *path;
    struct kube_watch_listener listener;
    uint64_t random;
    bool watches; /* is what is done next, or was begun; else it lists */
    bool begun;
    uint64_t not_before_ms;
    unsigned n_failures; /* in a row */
    bool unreadable;     /* was the last that came */
    struct store store;
    char *version; /* of the last that came */
    bool complete;
    struct error trouble; /* that was told; code 0: none */
    char *more;           /* where a list goes on */
    bool undivided;       /* is asked for in one piece */
    bool opened;          /* is the watch, since */
    uint64_t opened_ms;
    bool brought; /* it something */
};

struct mirror *mirror_create(const char *path, const struct kube_watch_listener *listener,
                             uint64_t seed)
{
    struct mirror *mirror = memory_new(1, sizeof(*mirror));

    mirror->path = memory_text(path);
    mirror->listener = *listener;
    mirror->random = seed;
    store_init(&mirror->store, listener);
    return mirror;
}

void mirror_destroy(struct mirror *mirror)
{
    if (mirror == NULL) {
        return;
    }
    free(mirror->path);
    free(mirror->version);
    free(mirror->more);
    store_finish(&mirror->store);
    free(mirror);
}

static double throw_dice(struct mirror *mirror)
{
    mirror->random = mirror->random * 6364136223846793005u + 1442695040888963407u;
    return (double)(mirror->random >> 40) / 16777216.0;
}

static void tell_trouble(struct mirror *mirror, int code, const char *why)
{
    bool known = mirror->trouble.code != 0 &&
                 strncmp(mirror->trouble.text, why, sizeof(mirror->trouble.text) - 1) == 0;

    if (known || (mirror->complete && mirror->n_failures < 2)) {
        return;
    }
    error_set(&mirror->trouble, code, "%s", why);
    if (mirror->listener.trouble != NULL) {
        mirror->listener.trouble(mirror->listener.owner, mirror->trouble.text);
    }
}

static void tell_all_is_well(struct mirror *mirror)
{
    if (mirror->trouble.code != 0) {
        mirror->trouble.code = 0;
        if (mirror->listener.trouble != NULL) {
            mirror->listener.trouble(mirror->listener.owner, NULL);
        }
    }
}

/* A failure, after which it lists or watches. */
static void fail(struct mirror *mirror, uint64_t now_ms, int code, const char *why)
{
    mirror->begun = false;
    mirror->n_failures++;
    mirror->not_before_ms = now_ms + pace_backoff(mirror->n_failures, MIRROR_FIRST_MS,
                                                  MIRROR_MOST_MS, throw_dice(mirror));
    tell_trouble(mirror, code, why);
}

static void begin_list(struct mirror *mirror)
{
    mirror->watches = false;
    memory_free(&mirror->more);
    store_forget_pages(&mirror->store);
}

/* The version was too old: that alone is no failure. */
static void start_over(struct mirror *mirror, uint64_t now_ms, const char *why)
{
    bool first = mirror->n_failures == 0;

    begin_list(mirror);
    fail(mirror, now_ms, -ESTALE, why);
    mirror->not_before_ms = first ? now_ms : mirror->not_before_ms;
}

enum mirror_step mirror_next(struct mirror *mirror, uint64_t now_ms, uint64_t *ret_wait_ms)
{
    if (mirror->begun) {
        return MIRROR_BUSY;
    }
    if (now_ms < mirror->not_before_ms) {
        *ret_wait_ms = mirror->not_before_ms - now_ms;
        return MIRROR_PAUSE;
    }
    mirror->begun = true;
    mirror->opened = false;
    mirror->brought = false;
    return mirror->watches ? MIRROR_WATCH : MIRROR_LIST;
}

char *mirror_path(const struct mirror *mirror)
{
    char mark = strchr(mirror->path, '?') != NULL ? '&' : '?';

    if (mirror->watches) {
        cleanup(memory_free) char *version = http_escape(mirror->version);
        return memory_format("%s%cwatch=1&allowWatchBookmarks=true&timeoutSeconds=%d&"
                             "resourceVersion=%s",
                             mirror->path, mark, MIRROR_WATCH_S, version);
    }
    if (mirror->undivided) {
        return memory_text(mirror->path);
    }
    if (mirror->more == NULL) {
        return memory_format("%s%climit=%d", mirror->path, mark, MIRROR_PAGE);
    }
    cleanup(memory_free) char *more = http_escape(mirror->more);
    return memory_format("%s%climit=%d&continue=%s", mirror->path, mark, MIRROR_PAGE, more);
}

static void keep_version(struct mirror *mirror, const json_t *object)
{
    const char *version = store_text(object, "resourceVersion");

    if (*version != '\0') {
        free(mirror->version);
        mirror->version = memory_text(version);
    }
}

void mirror_listed(struct mirror *mirror, uint64_t now_ms, const json_t *list)
{
    const char *more = store_text(list, "continue");

    if (!json_is_object(json_object_get(list, "metadata")) ||
        *store_text(list, "resourceVersion") == '\0') {
        begin_list(mirror);
        fail(mirror, now_ms, -EPROTO, "the API server sent a list that is none");
        return;
    }
    mirror->begun = false;
    mirror->not_before_ms = now_ms;
    store_take_page(&mirror->store, list);
    memory_free(&mirror->more);
    if (*more != '\0') {
        mirror->more = memory_text(more);
        return;
    }
    keep_version(mirror, list);
    mirror->watches = true;
    mirror->undivided = false;
    store_take_pages(&mirror->store);
    tell_all_is_well(mirror);
    if (!mirror->complete) {
        mirror->complete = true;
        if (mirror->listener.complete != NULL) {
            mirror->listener.complete(mirror->listener.owner);
        }
    }
}

/* A page that failed is asked for again. */
void mirror_list_failed(struct mirror *mirror, uint64_t now_ms, int code, const char *why)
{
    if (code == -ESTALE) {
        mirror->undivided = mirror->more != NULL;
        start_over(mirror, now_ms, why);
        return;
    }
    if (code == -EMSGSIZE || code == -ETIMEDOUT) {
        mirror->undivided = false; /* in pieces it is less at a time */
    }
    if (code == -EINVAL) {
        begin_list(mirror);
    }
    fail(mirror, now_ms, code, why);
}

void mirror_opened(struct mirror *mirror, uint64_t now_ms)
{
    mirror->opened = true;
    mirror->opened_ms = now_ms;
    tell_all_is_well(mirror);
}

static bool fail_line(struct mirror *mirror, uint64_t now_ms)
{
    if (mirror->unreadable) {
        begin_list(mirror);
    }
    mirror->unreadable = true;
    fail(mirror, now_ms, -EPROTO, "the API server sent an event that is none");
    return false;
}

static bool take_error(struct mirror *mirror, uint64_t now_ms, const json_t *status)
{
    const char *message = json_string_value(json_object_get(status, "message"));
    json_int_t code = json_integer_value(json_object_get(status, "code"));
    struct error why;

    error_set(&why, code == 410 ? -ESTALE : -EIO, "the API server ended a watch: %s",
              message != NULL ? message : "it did not say why");
    if (code == 410) {
        start_over(mirror, now_ms, why.text);
    } else {
        begin_list(mirror);
        fail(mirror, now_ms, why.code, why.text);
    }
    return false;
}

static bool take_event(struct mirror *mirror, uint64_t now_ms, json_t *event)
{
    const char *type = json_string_value(json_object_get(event, "type"));
    json_t *object = json_object_get(event, "object");
    bool is_bookmark = type != NULL && strcmp(type, "BOOKMARK") == 0;

    if (type != NULL && strcmp(type, "ERROR") == 0) {
        return take_error(mirror, now_ms, object);
    }
    if (type == NULL || (*store_text(object, "name") == '\0' && !is_bookmark)) {
        return fail_line(mirror, now_ms);
    }
    mirror->brought = true;
    mirror->unreadable = false;
    mirror->n_failures = 0;
    keep_version(mirror, object);
    if (strcmp(type, "ADDED") == 0 || strcmp(type, "MODIFIED") == 0) {
        store_take_object(&mirror->store, object);
    } else if (strcmp(type, "DELETED") == 0) {
        store_take_removal(&mirror->store, object);
    }
    return true;
}

bool mirror_line(struct mirror *mirror, uint64_t now_ms, const char *line)
{
    json_t *event = json_loads(line, JSON_ALLOW_NUL, NULL);

    bool goes_on = take_event(mirror, now_ms, event);
    json_decref(event);
    return goes_on;
}

void mirror_watch_ended(struct mirror *mirror, uint64_t now_ms, int code, const char *why)
{
    bool lasted = mirror->opened && now_ms - mirror->opened_ms >= MIRROR_SHORT_MS;

    mirror->n_failures = lasted ? 0 : mirror->n_failures;
    if (code == -ESTALE) {
        start_over(mirror, now_ms, why);
    } else if (code < 0) {
        fail(mirror, now_ms, code, why);
    } else if (!mirror->brought && !lasted) {
        fail(mirror, now_ms, -EIO, "the API server ends watches as soon as they begin");
    } else {
        mirror->begun = false;
        mirror->not_before_ms = now_ms;
    }
}

const json_t *mirror_find(const struct mirror *mirror, const char *space, const char *name)
{
    return store_find(&mirror->store, space, name);
}

void mirror_each(const struct mirror *mirror, void (*each)(void *owner, const json_t *object),
                 void *owner)
{
    store_each(&mirror->store, each, owner);
}

bool mirror_is_complete(const struct mirror *mirror)
{
    return mirror->complete;
}
