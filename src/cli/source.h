/* Where applications are held: by a controller that serves, asked over its socket (rest.h), or
 * as objects of a cluster (objects.h). Commands know only this table, and what they print knows
 * neither: statuses, logs and answers are JSON as docs/rest.yaml has it.
 *
 * Calls ask and wait; they return 0, or print a sentence and return an exit code.
 */
#ifndef CLI_SOURCE_H
#define CLI_SOURCE_H

#include <argp.h>
#include <stdbool.h>

#include "base/json.h"

struct source;

/* What was said of it; NULL: nothing. */
struct source_options {
    const char *server; /* a socket; else BRUME_SERVER, or the usual one */
    const char *fabric; /* "kubernetes": a cluster; else a controller */
    const char *space;  /* namespace */
};

/* A child parser, `--server SOCKET`, `--fabric kubernetes`, `--namespace NAMESPACE`; its input
 * is a struct source_options. */
extern const struct argp source_argp;

/* The same for a command about one application, which it wants named. */
struct source_target {
    struct source_options options;
    const char *name;
};
extern const struct argp source_target_argp;

/* `items` is an array of statuses, borrowed. False: that is enough. */
typedef bool (*source_told_fn)(void *owner, const json_t *items);
struct source_watching {
    const char *name;  /* NULL: all */
    unsigned every_us; /* where one has to ask again and again */
    source_told_fn told;
    void *owner;
};

/* {"time", "kind", "text"}, and perhaps "stage", whose words they are; borrowed. */
typedef void (*source_line_fn)(void *owner, const json_t *line);
struct source_reading {
    const char *name;
    bool follow; /* until it is deleted */
    source_line_fn line;
    void *owner;
};

struct source {
    const struct source_ops *ops;
};

struct source_ops {
    const char *noun; /* what goes before "/NAME" */

    /* `request` as docs/rest.yaml has it. {"name", "result"} */
    int (*apply)(struct source *source, const json_t *request, json_t **ret_answer);

    /* An array of statuses, by name. */
    int (*list)(struct source *source, json_t **ret_items);
    int (*get)(struct source *source, const char *name, json_t **ret_status);
    /* With all that there is to tell: also "events", if there are such. */
    int (*describe)(struct source *source, const char *name, json_t **ret_status);

    /* Tells what there is, and then each change: of one or several, or all of it again. What
     * was deleted comes a last time, in phase Deleted. */
    int (*watch)(struct source *source, const struct source_watching *watching);

    int (*read)(struct source *source, const struct source_reading *reading);

    /* {"applications": [status, …]}, and perhaps "nodes" and "pods" (load.h). */
    int (*load)(struct source *source, json_t **ret_load);

    /* Returns when it is gone. `now`: without waiting for the frames under way. */
    int (*remove)(struct source *source, const char *name, bool now);

    void (*close)(struct source *source);
};

int source_open(const struct source_options *given, struct source **ret_source);
void source_closep(struct source **source); /* accepts NULL */

/* Whether it can be the name of an application; else says so, and returns the exit code. */
int source_check_name(const char *name);

#endif
