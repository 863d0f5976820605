/* A manifest as an Application object. Pure but for reading no file: its text is given.
 *
 * What the cluster will refuse is refused here, with line and column: form, operators, their
 * parameters, who reads whom. Files are the controller's, so those that are not here are let
 * through. What a text in YAML is (a number, a switch) is said where the object's definition
 * wants to know, and in `with` as YAML has it, if it can be written back as it stands.
 */
#ifndef CLI_OBJECTS_MANIFEST_H
#define CLI_OBJECTS_MANIFEST_H

#include <stddef.h>

#include "base/json.h"

struct error;
struct manifest_catalog;

/* `path` is what sentences call it. */
int objects_manifest_read(const char *path, const char *text, size_t size,
                          const struct manifest_catalog *catalog, json_t **ret_object,
                          struct error *err);

/* Options of the command line are annotations of the object: brume.dev/replicas and
 * brume.dev/tls; brume.dev/options has the names of those that came so, to take them away when
 * they come no more. `request` as docs/rest.yaml has it. */
void objects_manifest_take_options(json_t *object, const json_t *request);

/* What `found`, which is in the cluster, becomes: what others wrote into it stays. */
json_t *objects_manifest_merge(const json_t *found, const json_t *wanted);

#endif
