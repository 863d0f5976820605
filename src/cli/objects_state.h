/* What the parts of a cluster's source share. Not for others. */
#ifndef CLI_OBJECTS_STATE_H
#define CLI_OBJECTS_STATE_H

#include <stdbool.h>
#include <uv.h>

#include "base/error.h"
#include "base/json.h"
#include "cli/source.h"
#include "kube/api.h"

#define OBJECTS_GROUP "/apis/brume.dev/v1alpha1"

enum { OBJECTS_TRIES = 5, OBJECTS_NOT_FOUND = 404, OBJECTS_CONFLICT = 409 };

struct objects {
    struct source source;
    uv_loop_t loop;
    struct kube_api *api;
    char *space;
    bool reached; /* the API server has answered */
};

/* To be ended with objects_answer_finish(). */
struct objects_answer {
    bool over;
    int status;       /* 0: there was none */
    json_t *json;     /* NULL: it is none */
    char *text;       /* never NULL */
    struct error err; /* code 0: it was done */
};

/* Runs the loop until the server has answered, and returns the code of `err`. A server that
 * never answered is given up at once, for a person waits; one that has is asked again, as
 * kube/api.h says. */
int objects_ask(struct objects *objects, const struct kube_call *call,
                struct objects_answer *ret_answer);
int objects_get(struct objects *objects, const char *path, struct objects_answer *ret_answer);
void objects_answer_finish(struct objects_answer *answer);

/* Says why the server refused, and returns an exit code. `name` and `file` are whom and what
 * the question was about, or NULL. */
int objects_fail(const struct objects *objects, const struct objects_answer *answer,
                 const char *name, const char *file);

/* Of the namespace's applications, or of one; malloc'ed. */
char *objects_path(const struct objects *objects, const char *name);
/* "metadata.name=street", escaped, behind "?fieldSelector="; malloc'ed. */
char *objects_path_watched(const struct objects *objects, const char *name);

/* The object as it is, or a sentence and an exit code. */
int objects_find(struct objects *objects, const char *name, json_t **ret_object);
/* Events on it. A server that does not show them has none. */
json_t *objects_ask_events(struct objects *objects, const json_t *object);
/* Their path and selector; malloc'ed. */
char *objects_events_path(const struct objects *objects, const json_t *object);

/* Operations of the source. */
int objects_apply(struct source *source, const json_t *request, json_t **ret_answer);
int objects_watch(struct source *source, const struct source_watching *watching);
int objects_read_log(struct source *source, const struct source_reading *reading);
int objects_load(struct source *source, json_t **ret_load);
int objects_remove(struct source *source, const char *name, bool now);

#endif
