/* What was measured: CPU time, memory and output sizes of operators and model segments, and
 * what codecs make of the tensors between them.
 *
 * A profile belongs to one subject (a model, by the hash of its file, or an operator with its
 * parameters) on one device type with one engine. A model whose file changes has another hash,
 * and so another subject: nothing old is ever used for it. Lookups and records work in memory;
 * only profile_store_open() and profile_store_save() touch files.
 */
#ifndef PLANNER_PROFILE_H
#define PLANNER_PROFILE_H

#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "graph/codec.h"

struct error;
struct graph;
struct model;

enum {
    PROFILE_OUTPUTS_MAX = 16,
    PROFILE_SEGMENTS_MAX = 4096, /* of one subject */
    PROFILE_PACKINGS_MAX = 4096,
    PROFILE_STORE_MAX = 4096, /* files that are read from one folder */
};

/* One measurement. An operator that is no model has exactly one, with from = to = 0. */
struct profile_segment {
    unsigned from, to;  /* cuts of the model */
    double cpu_seconds; /* per frame, all threads; the median of the runs */
    uint64_t
        memory;    /* bytes that a process grows by when it opens and runs this; 0: not known */
    unsigned runs; /* 0: it could not be run for want of memory; `memory` is a bound from below,
                      and cpu_seconds says nothing */
};

/* What a codec makes of the tensors at a place: a cut of a model, or an output port of another
 * operator. Measured on one frame. */
struct profile_packing {
    unsigned at;
    enum graph_codec codec;
    double part;         /* bytes packed, of a byte */
    double pack, unpack; /* CPU seconds for a byte that is not packed yet, or any more */
};

struct profile {
    char *subject; /* "model 00f3…", "decode 5be1…" */
    char *type;    /* device type */
    char *engine;  /* "onnxruntime 1.30.0 fast"; "" for an operator that uses none */
    size_t n_segments;
    struct profile_segment *segments;
    size_t n_outputs;
    uint64_t outputs[PROFILE_OUTPUTS_MAX]; /* mean bytes of each output port; 0: not known */
    size_t n_packings;
    struct profile_packing *packings;
};

struct profile_key {
    const char *subject, *type, *engine;
};

struct profile_store;

/* The name under which the measurements of an operator of the graph are kept. A model's is its
 * hash (`model`; NULL for an operator that runs none). Any other's covers its type and
 * parameters and those of all operators that feed it: decoding costs what the pictures are.
 * malloc'ed. */
char *profile_subject(const struct graph *graph, size_t operator, const struct model * model);

/* The same for what codecs make of its outputs. How small the tensors within a model become
 * depends on what they are made of, noise or photographs: so the subject of a model has the
 * types of the sources that feed it as well. malloc'ed. */
char *profile_packing_subject(const struct graph *graph, size_t operator,
                              const struct model * model);

/* Reads every profile in `folder`; NULL or a folder that is not there: an empty store. A file
 * that is damaged or not of this version is left aside and counted: it will be measured again.
 */
int profile_store_open(const char *folder, struct profile_store **ret_store, struct error *err);
/* Writes what changed since it was opened, each file atomically. */
int profile_store_save(struct profile_store *store, struct error *err);
/* All is to be measured anew. Files stay until profile_store_save() replaces them. */
void profile_store_forget(struct profile_store *store);
size_t profile_store_damaged(const struct profile_store *store);
void profile_store_close(struct profile_store *store);
void profile_store_closep(struct profile_store **store);

/* NULL: nothing known. Valid until the next record. */
const struct profile *profile_find(const struct profile_store *store, struct profile_key key);
const struct profile_segment *profile_lookup(const struct profile_store *store,
                                             struct profile_key key, unsigned from,
                                             unsigned to);

/* Takes a measurement in. The same segment again replaces the old value when it has at least
 * as many runs, else both are weighed by their runs. -EINVAL: no such time or segment;
 * -ENOSPC: the store or the subject is full. */
int profile_record(struct profile_store *store, struct profile_key key,
                   const struct profile_segment *segment, struct error *err);
int profile_record_outputs(struct profile_store *store, struct profile_key key, size_t n,
                           const uint64_t *outputs, struct error *err);

/* NULL: not known. */
const struct profile_packing *profile_packing(const struct profile_store *store,
                                              struct profile_key key, unsigned at,
                                              enum graph_codec codec);
/* Replaces what was known. -EINVAL: no such codec, or no measurement; -ENOSPC. */
int profile_record_packing(struct profile_store *store, struct profile_key key,
                           const struct profile_packing *packing, struct error *err);

/* The rate of a device's link in bytes/s, by its type; 0: not known. It was measured with the
 * encryption that it carries, and is taken for links that nobody says the rate of. */
int profile_record_link(struct profile_store *store, const char *type, double rate,
                        struct error *err);
double profile_link(const struct profile_store *store, const char *type);

#endif
