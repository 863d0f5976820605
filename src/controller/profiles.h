/* What was measured outlives the controller's pod: the profiles in the cache's folder, and a
 * ConfigMap in the controller's namespace that has them, too.
 *
 * Happy path: profiles_open, profiles_load (before the first session), profiles_touch whenever
 * something may have been measured; profiles_close. Failure modes: the ConfigMap cannot be read
 * or written: it is logged, once, and measuring is what it costs.
 */
#ifndef CONTROLLER_PROFILES_H
#define CONTROLLER_PROFILES_H

#include <stdbool.h>

struct kube_api;
struct profiles;

#define PROFILES_NAME "brume-profiles"

struct profiles *profiles_open(struct kube_api *api, const char *space);
/* Writes those files into the folder that are not there; then, or when that failed, calls
 * `done`. */
void profiles_load(struct profiles *profiles, void (*done)(void *owner), void *owner);
/* Saves what is new, soon. */
void profiles_touch(struct profiles *profiles);
/* `save`: what was touched; blocks for a second at most. Accepts NULL. */
void profiles_close(struct profiles *profiles, bool save);

#endif
