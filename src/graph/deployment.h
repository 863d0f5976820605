/* A deployment says which stage runs what, and where: the plan in the words that controller and
 * stages share. It travels as JSON.
 *
 * A group is a run of operators; its stages are replicas of one another, each with all of the
 * group's operators. A channel carries the frames of one output port from one group to another;
 * each of its frames goes to one replica of the receiving group. An operator whose input comes
 * from an operator of its own group gets it by pointer, without a channel.
 */
#ifndef GRAPH_DEPLOYMENT_H
#define GRAPH_DEPLOYMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"

struct error;

enum {
    DEPLOYMENT_GROUPS_MAX = 256,
    DEPLOYMENT_OPERATORS_MAX = 1024,
    DEPLOYMENT_CHANNELS_MAX = 1024,
    DEPLOYMENT_STAGES_MAX = 4096,
    DEPLOYMENT_REPLICAS_MAX = 64, /* of one group */
    DEPLOYMENT_INPUTS_MAX = 16,   /* of one operator */
    DEPLOYMENT_PORTS_MAX = 16,    /* outputs of one operator */
    DEPLOYMENT_PARAMS_MAX = 128,  /* of one operator */
    DEPLOYMENT_WORKERS_MAX = 256, /* of one stage */
    DEPLOYMENT_CREDIT_MAX = 4096,
    DEPLOYMENT_WINDOW_MAX = 65536,
};

struct deployment_param {
    char *name, *value;
};

/* An input of an operator: an output port of another one. */
struct deployment_input {
    char *from;    /* name of an operator of the deployment */
    unsigned port; /* its output port */
};

struct deployment_operator {
    char *name;   /* unique; parts of a cut model are "detect#0", "detect#1", … */
    char *origin; /* its name in the manifest: "detect" */
    char *use;    /* operator type */
    char *group;
    size_t n_params;
    struct deployment_param *params;
    size_t n_inputs;
    struct deployment_input *inputs;
};

struct deployment_stage {
    char *name; /* unique: "detect-1" */
    char *group;
    char *device;
    char *image;      /* graph/image.h: "picture-tflite" */
    unsigned workers; /* operators that may run at the same time, >= 1 */
};

struct deployment_channel {
    unsigned id; /* 1..65535, unique */
    char *from_operator;
    unsigned from_port;
    char *from_group, *to_group;
    unsigned credit; /* frames ready but not yet taken that a receiver grants each sender */
};

struct deployment {
    char *application;
    unsigned window; /* frames that may be under way between a source and its sinks */
    size_t n_operators, n_stages, n_channels;
    struct deployment_operator *operators; /* in topological order */
    struct deployment_stage *stages;
    struct deployment_channel *channels;
};

json_t *deployment_to_json(const struct deployment *deployment);
/* Checks everything: names, references, numbers, that channels exist where groups differ. */
int deployment_from_json(const json_t *json, struct deployment **ret_deployment,
                         struct error *err);
void deployment_destroy(struct deployment *deployment);
void deployment_destroyp(struct deployment **deployment);

const struct deployment_operator *deployment_operator(const struct deployment *deployment,
                                                      const char *name); /* or NULL */
const struct deployment_stage *deployment_stage(const struct deployment *deployment,
                                                const char *name); /* or NULL */
/* The channel that carries an input of `reader` into its group, or NULL: it is local. */
const struct deployment_channel *deployment_channel(const struct deployment *deployment,
                                                    const struct deployment_operator *reader,
                                                    size_t input);
size_t deployment_replicas(const struct deployment *deployment, const char *group);

#endif
