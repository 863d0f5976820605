/* JSON is jansson; this is the one place that includes it. */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <jansson.h>

#include "base/base.h"

static inline void json_decrefp(json_t **json)
{
    json_decref(*json);
    *json = NULL;
}

#endif
