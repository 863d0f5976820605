/* JSON is jansson; this is the one place that includes it. cleanup(json_decrefp) is jansson's
 * own. */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <jansson.h>

#include "base/base.h"

#endif
