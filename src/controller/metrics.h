/* What a controller knows in the text format that Prometheus reads. Pure.
 *
 * A value that is not known has no line. Every metric's name, type and help stand in one table
 * (metrics.c).
 */
#ifndef CONTROLLER_METRICS_H
#define CONTROLLER_METRICS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"

#define METRICS_TYPE "text/plain; version=0.0.4; charset=utf-8"

struct metrics {
    /* [{"namespace" (missing outside a cluster), "name", "status": record_status()}, …] */
    const json_t *applications;
    const json_t *usage; /* cluster_usage(), or NULL */
    bool in_cluster;
    bool leader;                      /* in a cluster: it is the one that acts */
    uint64_t n_writes, n_write_fails; /* of objects in a cluster */
    uint64_t resident;                /* bytes of this process */
    double cpu_seconds;               /* that it used */
    double started;                   /* when it was, in seconds since 1970 */
};

char *metrics_render(const struct metrics *metrics); /* malloc'ed */

#endif
