/* Reads an application's manifest (YAML) and refuses what cannot run, before anything starts.
 *
 * Every message has the form "street.yaml:7:23: unknown operator 'yolo9' (did you mean
 * 'yolo'?)". Checked here: keys, types of values, names, operators and their parameters, files,
 * edges, kinds of ports, cycles, operators that no source reaches or whose output nobody reads.
 */
#ifndef GRAPH_MANIFEST_H
#define GRAPH_MANIFEST_H

#include <stdbool.h>

#include "graph/graph.h"

/* The operators there are: the registry of src/operator in the programs, a table in the tests.
 */
struct manifest_catalog {
    /* -ENOENT: there is none of this name; other errors come with a sentence why it cannot be
     * used, without the place. */
    int (*find)(void *owner, const char *name, const struct brume_operator **ret_type,
                struct error *err);
    /* Names one by one, for "did you mean"; NULL past the last. */
    const char *(*name)(void *owner, size_t index);
    /* The operator's own check of parameters and input shapes (may be NULL): called in
     * topological order, on a graph that is otherwise checked. Writes a sentence without the
     * place. */
    int (*check)(void *owner, const struct graph *graph, size_t index, struct error *err);
    void *owner;
    const char *folder; /* what paths to write to are relative to; NULL: where we are */
    /* For the manifests of strangers: what is read lies below the manifest's folder, or below
     * where models are looked for. */
    bool confined;
    bool elsewhere; /* it runs where other files are: one that is not here is let through */
};

/* Reads the file at `path`. */
int manifest_load(const char *path, const struct manifest_catalog *catalog,
                  struct graph **ret_graph, struct error *err);

/* The same from memory; `path` is used for messages and as the place where files are searched.
 */
int manifest_parse(const char *path, const char *text, size_t size,
                   const struct manifest_catalog *catalog, struct graph **ret_graph,
                   struct error *err);

#endif
