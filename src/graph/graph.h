/* An application as a graph: operators, their parameters, and who reads whose output.
 *
 * manifest.c makes it from YAML and checks it against the catalog of operators; the planner
 * cuts and places it; deployment.h is what comes out.
 */
#ifndef GRAPH_GRAPH_H
#define GRAPH_GRAPH_H

#include <brume/operator.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;

enum {
    GRAPH_OPERATORS_MAX = 256,
    GRAPH_CUTS_MAX = 256,
    GRAPH_HAS_MAX = 16,
    GRAPH_REPLICAS_MAX = 64,
};

enum graph_objective { GRAPH_THROUGHPUT, GRAPH_LATENCY, GRAPH_TRAFFIC };

/* What a network's tensors may lose when they cross a link. */
enum graph_link { GRAPH_LINK_EXACT, GRAPH_LINK_F16, GRAPH_LINK_U8 };

/* Where something stands in a manifest. */
struct graph_place {
    unsigned line, column; /* from 1 */
};

struct graph_param {
    char *name;
    char *value; /* checked, resolved (files are absolute), canonical; defaults are filled in */
};

/* An input port, and the output port that feeds it. */
struct graph_input {
    unsigned operator; /* index in graph.operators */
    unsigned port;     /* of that operator */
    struct graph_place place;
};

struct graph_operator {
    char *name;
    const struct brume_operator *type; /* from the catalog */
    size_t n_params;
    struct graph_param *params;
    size_t n_inputs;
    struct graph_input *inputs;
    size_t n_has; /* `on: { has: [camera] }`: what its device must have */
    char **has;
    char *device;    /* `on: { device: NAME }`, or NULL */
    bool cut_pinned; /* `cut: none` or `cut: [k, …]`: at `cuts` and nowhere else */
    size_t n_cuts;
    unsigned *cuts; /* rising; whether they are legal is for who has read the model */
    enum graph_link link;
    unsigned replicas; /* 0: free; 1: off; N: at most N */
    struct graph_place place;
};

struct graph {
    char *file; /* the manifest, for messages */
    char *name; /* metadata.name */
    enum graph_objective objective;
    double qos_rate;         /* frames/s; 0: none */
    uint64_t qos_latency_ms; /* 0: none */
    size_t n_operators;
    struct graph_operator *operators; /* in topological order */
};

const char *graph_param(const struct graph_operator *step, const char *name); /* or NULL */
/* The one whose network the planner may cut: `use: model`. */
bool graph_is_model(const struct graph_operator *step);
void graph_destroy(struct graph *graph);
void graph_destroyp(struct graph **graph);

#endif
