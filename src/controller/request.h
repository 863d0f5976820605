/* What the command line asks of the controller, checked. */
#ifndef CONTROLLER_REQUEST_H
#define CONTROLLER_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"
#include "planner/planner.h"

struct application;
struct error;
struct testbed;

enum request_kind {
    REQUEST_RUN,
    REQUEST_PLAN,    /* measure and plan, no more */
    REQUEST_PROFILE, /* measure everything anew */
};

enum request_tls {
    REQUEST_TLS_AUTO, /* where the fabric's network has others on it */
    REQUEST_TLS_ON,
    REQUEST_TLS_OFF,
};

struct request {
    enum request_kind kind;
    enum request_tls tls;    /* whether links are encrypted */
    char *application;       /* the manifest's path */
    char *manifest;          /* its text; NULL: it stands there */
    char *space;             /* namespace in a cluster; NULL: the usual one */
    json_t *resource;        /* the object there that it comes from, or NULL */
    json_t *kept;            /* as in fabric_config */
    bool ends;               /* what is kept is taken up; nothing begins anew */
    char *folder;            /* what it writes is relative to this; NULL: to where we are */
    char *fabric;            /* "local" */
    char *path;              /* of the testbed's manifest, or NULL */
    struct testbed *testbed; /* the devices; NULL: this machine, not limited */
    bool equal;              /* they come from --devices: the first one has everything */
    bool explain;            /* tell of every cut, not only of the plan */
    double seconds;          /* drain after that long; 0: nothing was said, never */
    uint64_t frames;         /* accept that many; 0: no limit */
    char *state;             /* the folder that remembers; NULL: none */
    int replicas;            /* as in struct planner_input */
    unsigned window;         /* the same */
    bool codec_pinned;
    enum graph_codec codec;
    bool cut_pinned;
    size_t n_cuts;
    unsigned *cuts;
    size_t n_places;
    struct planner_place *places;
};

/* {"command": "run", "application": "street.yaml", "testbed": "lab.yaml" or "devices": 3 with
 * "cpu", "memory", "link", "latency" as people write them, "duration": "30s", "frames": 100,
 * "state": FOLDER, "folder": FOLDER, "explain": true, "replicas": "off" or N, "cut": [k, …],
 * "places": {operator: device}, "codec": "zstd", "window": N, "tls": "auto", "on" or "off"}.
 * The command line has checked the forms; -EINVAL with a sentence otherwise.
 *
 * With "manifest": TEXT, "application" is only what it is named by in sentences, and beside
 * which files are searched. For a cluster: "namespace", and "resource": the object that owns
 * what is made, and whose manifest may name no other files; "kept" as in fabric_config, which
 * is forgotten when it was used; "ends": true for what is taken up only to be ended. */
int request_read(const json_t *json, struct request **ret_request, struct error *err);
/* Reads the testbed's manifest, if one was named, and the application's. */
int request_load(struct request *request, struct application **ret_application,
                 struct error *err);
void request_destroy(struct request *request); /* accepts NULL */

#endif
