/* What `brume top` shows. {"applications": [status, …]}, and of a cluster also "nodes":
 * [{"name", "ready", "cores", "memory", "cpu", "memory_used"}] and "pods": [{"application",
 * "stage", "cpu", "memory_used"}]: cores and bytes; what is not known is null.
 */
#ifndef CLI_LOAD_H
#define CLI_LOAD_H

#include "base/json.h"

void load_print(const json_t *load);

#endif
