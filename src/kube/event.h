/* Events on objects, for `kubectl describe` and `kubectl get events`. The same one (object,
 * reason, message) again within an hour counts up the first; each object may have one a second
 * on average, with a burst of ten, and what is more is dropped. */
#ifndef KUBE_EVENT_H
#define KUBE_EVENT_H

#include <stdbool.h>

#include "base/json.h"

struct kube_api;
struct kube_events;

struct kube_events *kube_events_create(struct kube_api *api, const char *component,
                                       const char *host);
void kube_events_destroy(struct kube_events *events); /* accepts NULL */

/* `object` is what the event is about, whole or at least apiVersion, kind, metadata.namespace,
 * .name, .uid. `reason` is UpperCamelCase, `message` a sentence. */
void kube_events_say(struct kube_events *events, const json_t *object, bool warning,
                     const char *reason, const char *message);

#endif
