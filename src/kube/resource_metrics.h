/* What a kubelet tells of its node and the containers on it (/metrics/resource): lines of the
 * Prometheus text format, version 0.0.4. Pure.
 */
#ifndef KUBE_RESOURCE_METRICS_H
#define KUBE_RESOURCE_METRICS_H

#include <stdbool.h>
#include <stdint.h>

#define RESOURCE_METRIC_MOST 1e18

struct resource_metric {
    bool cpu; /* seconds of CPU since it began; else bytes of memory now */
    const char *space, *pod, *container; /* NULL: the node as a whole; else one container */
    double value;                        /* 0 to RESOURCE_METRIC_MOST */
    uint64_t when_ms;                    /* since 1970; 0: not said */
};

/* Tells each line that is one of these, in order; what else there is, or cannot be read, or has
 * no such value (NaN), is passed over. Texts are borrowed. */
void resource_metrics_read(const char *text,
                           void (*tell)(void *owner, const struct resource_metric *metric),
                           void *owner);

#endif
