/* Short ways into objects of the Kubernetes API. What is not there is NULL. */
#ifndef FABRIC_KUBERNETES_OBJECT_H
#define FABRIC_KUBERNETES_OBJECT_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/json.h"

#define KUBERNETES_MANAGED     "app.kubernetes.io/managed-by" /* label: "brume" */
#define KUBERNETES_APPLICATION "brume.dev/application"        /* label */
#define KUBERNETES_STAGE       "brume.dev/stage"              /* label */
#define KUBERNETES_RUN         "brume.dev/run"                /* label */
#define KUBERNETES_LIFE        "brume.dev/life"               /* label */
#define KUBERNETES_DEVICE      "brume.dev/device"             /* annotation: may be long */
#define KUBERNETES_WRITER      "brume.dev/writer"             /* annotation: of what is kept */
#define KUBERNETES_FINALIZER   "brume.dev/stages"             /* of an Application */
#define KUBERNETES_OUT         "brume.dev/output-claim"       /* of an Application */

static inline const json_t *kubernetes_part(const json_t *object, const char *one,
                                            const char *two)
{
    return json_object_get(json_object_get(object, one), two);
}

static inline const char *kubernetes_text(const json_t *object, const char *one,
                                          const char *two)
{
    return json_string_value(kubernetes_part(object, one, two));
}

static inline const char *kubernetes_label(const json_t *object, const char *key)
{
    return json_string_value(
        json_object_get(kubernetes_part(object, "metadata", "labels"), key));
}

static inline const char *kubernetes_annotation(const json_t *object, const char *key)
{
    return json_string_value(
        json_object_get(kubernetes_part(object, "metadata", "annotations"), key));
}

/* Overwrites a text that is a secret, before the object is given back. */
static inline void kubernetes_wipe(const json_t *object, const char *one, const char *two)
{
    const json_t *part = kubernetes_part(object, one, two);

    if (json_is_string(part)) {
        explicit_bzero((char *)(uintptr_t)json_string_value(part), json_string_length(part));
    }
}

/* Whether both are there and the same. */
static inline bool kubernetes_is(const char *text, const char *wanted)
{
    return text != NULL && wanted != NULL && strcmp(text, wanted) == 0;
}

#endif
