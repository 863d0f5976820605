/* Objects of the Kubernetes API for tests, as a person writes them: with ' for ". */
#ifndef FABRIC_KUBERNETES_SAMPLE_H
#define FABRIC_KUBERNETES_SAMPLE_H

#include "base/json.h"
#include "base/memory.h"
#include "base/test.h"

static inline json_t *sample(const char *text)
{
    cleanup(memory_free) char *copy = memory_text(text);
    json_error_t why;

    for (char *at = copy; *at != '\0'; at++) {
        if (*at == '\'') {
            *at = '"';
        }
    }
    json_t *json = json_loads(copy, 0, &why);
    if (json == NULL) {
        fail_msg("%s: %s", why.text, copy);
    }
    return json;
}

#endif
