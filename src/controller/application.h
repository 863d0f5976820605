/* An application as the controller holds it: its graph, the models its operators run, and the
 * shapes of what flows, as far as the operators can say before anything starts. */
#ifndef CONTROLLER_APPLICATION_H
#define CONTROLLER_APPLICATION_H

#include "graph/graph.h"
#include "planner/planner.h"

struct application {
    struct graph *graph;
    char *text;                         /* of the manifest, when that was given; or NULL */
    struct model **models;              /* by operator; NULL: runs none */
    struct planner_operator *operators; /* by operator: what the planner asks */
    /* private */
    uint64_t **sizes; /* by operator: bytes of each output port */
    char **engines;
};

/* Reads the manifest at `path` and everything it names; refuses what cannot run. `folder` is
 * what paths to write to are relative to; NULL: where we are. */
int application_load(const char *path, const char *folder, struct application **ret_application,
                     struct error *err);
/* The same of a text; `path` names it in sentences, and files are searched beside it.
 * `confined`: and nowhere else on this machine. */
int application_parse(const char *path, const char *text, const char *folder, bool confined,
                      struct application **ret_application, struct error *err);
void application_destroy(struct application *application); /* accepts NULL */

/* The whole application as one stage on a device, models uncut: what is measured. */
struct deployment *application_uncut(const struct application *application, const char *stage,
                                     const char *device);

#endif
