/* What the parts of the manifest's checker share. In this order they run:
 *
 *   manifest.c         the document, its form, everything but edges and parameters
 *   manifest_params.c  `with`, against the operator's table
 *   manifest_edges.c   `in`: who reads whom, and kinds of ports
 *   manifest_order.c   cycles, outputs that nobody reads, topological order
 *
 * and then the catalog's own check. All return -EINVAL with a sentence, or 0.
 */
#ifndef GRAPH_MANIFEST_INTERNAL_H
#define GRAPH_MANIFEST_INTERNAL_H

#include "base/yaml.h"
#include "graph/manifest.h"

/* Operator i of the graph stands in the i-th map of the list, until they are put in order. */
struct manifest_reader {
    const struct manifest_catalog *catalog;
    const struct yaml_node *operators; /* the list */
    char *folder;                      /* where files are searched first */
    struct graph *graph;
};

int manifest_read_params(struct manifest_reader *reader, size_t index, struct error *err);
int manifest_read_edges(struct manifest_reader *reader, size_t index, struct error *err);
int manifest_order(struct manifest_reader *reader, struct error *err);

/* The list's map of operator `index`. */
const struct yaml_node *manifest_node(const struct manifest_reader *reader, size_t index);

#endif
