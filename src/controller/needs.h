/* What the stages of a deployment need of the place where they run: libraries, which name their
 * image, and files and folders of the machine, by their operators' parameters. */
#ifndef CONTROLLER_NEEDS_H
#define CONTROLLER_NEEDS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/json.h"

struct deployment;
struct fabric_mount;

/* Names the image of every stage. */
void needs_choose_images(struct deployment *deployment);

/* The files that the operators of `group` read, the folders they write to, and `folder`, the
 * run's own (NULL: it has none); of this machine's own, what helps a stage that runs `here`.
 * malloc'ed, paths with it: needs_free_mounts(). */
struct fabric_mount *needs_mounts(const struct deployment *deployment, const char *group,
                                  const char *folder, bool here, size_t *ret_n);
void needs_free_mounts(struct fabric_mount *mounts, size_t n);

/* What a file of this machine is called where it is fetched to: the same below FABRIC_FILES,
 * else a path there. malloc'ed. */
char *needs_remote_path(const char *path);
/* The deployment for stages on other machines: what operators read is where it is fetched to.
 */
json_t *needs_remote_deployment(const struct deployment *deployment);

#endif
