/* The keys of an application's manifest: one table that checks manifests and writes their
 * reference. manifest.c reads what the table let through.
 */
#ifndef GRAPH_MANIFEST_KEYS_H
#define GRAPH_MANIFEST_KEYS_H

#include "base/yaml.h"

#define MANIFEST_OBJECTIVES "throughput|latency|traffic" /* in the order of graph_objective */

extern const struct yaml_key manifest_keys[]; /* of the document */

/* A reference of the keys below `keys` in Markdown: one table row per key, with its whole path
 * ("spec.qos.rate"); malloc'ed. */
char *manifest_reference(const struct yaml_key *keys);

#endif
