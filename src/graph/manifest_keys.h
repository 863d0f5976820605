/* The keys of an application's manifest: one table that checks manifests, writes their
 * reference and their schema for Kubernetes. manifest.c reads what the table let through.
 */
#ifndef GRAPH_MANIFEST_KEYS_H
#define GRAPH_MANIFEST_KEYS_H

#include "base/yaml.h"

#define MANIFEST_OBJECTIVES "throughput|latency|traffic" /* in the order of graph_objective */

extern const struct yaml_key manifest_keys[]; /* of the document */
/* Of the status that a controller in a cluster writes beside it. */
extern const struct yaml_key manifest_status_keys[];

/* A reference of the keys below `keys` in Markdown: one table row per key, with its whole path
 * ("spec.qos.rate"); malloc'ed. */
char *manifest_reference(const struct yaml_key *keys);

/* The definition of the custom resource for Kubernetes, deploy/kubernetes/base/crd.yaml;
 * malloc'ed. */
char *manifest_definition(void);

#endif
