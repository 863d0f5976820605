/* An Application of a cluster as what a server is asked for (request.h). Pure.
 *
 * Its manifest was never a file: it is written anew, each value on a line of its own, so that a
 * sentence with a line in it ("…:7:23: unknown operator 'yolo9'") can say where in the object
 * that is: "spec.operators[3].use (detect): unknown operator 'yolo9'".
 *
 * What is no part of a manifest comes from annotations: brume.dev/replicas (auto, off, or how
 * many devices may share the frames of an operator), brume.dev/tls (on, off),
 * brume.dev/output-claim (the volume for what sinks write; the fabric reads that).
 */
#ifndef CONTROLLER_RESOURCE_MANIFEST_H
#define CONTROLLER_RESOURCE_MANIFEST_H

#include "base/json.h"

struct error;
struct resource_manifest;

#define RESOURCE_VERSION "brume.dev/v1alpha1"
#define RESOURCE_OUT     "/var/lib/brume/out" /* in the pods; what sinks write goes there */

/* Files that it names are searched in `files`. */
struct resource_manifest *resource_manifest_create(const json_t *object, const char *files);
void resource_manifest_destroy(struct resource_manifest *manifest); /* accepts NULL */

/* The request. -EINVAL: an annotation is not understood. */
int resource_manifest_request(const struct resource_manifest *manifest, json_t **ret_request,
                              struct error *err);

/* What a server said of the request, for one who knows only the object; malloc'ed. */
char *resource_manifest_explain(const struct resource_manifest *manifest, const char *sentence);

#endif
