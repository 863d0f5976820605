/* What a kubelet tells of its node and the containers on it (/metrics/resource): lines of the
 * Prometheus text format. Pure.
 */
#ifndef FABRIC_KUBERNETES_METRICS_H
#define FABRIC_KUBERNETES_METRICS_H

#include <stdbool.h>
#include <stdint.h>

struct kubernetes_metric {
    bool cpu;                /* seconds of CPU since it began; else bytes of memory now */
    const char *space, *pod; /* NULL: the node as a whole; else one container of the pod */
    double value;
    uint64_t when_ms; /* since 1970; 0: not said */
};

/* Tells each line that is one of these; what else there is, or cannot be read, is passed over.
 */
void kubernetes_metrics_read(const char *text,
                             void (*tell)(void *owner, const struct kubernetes_metric *metric),
                             void *owner);

/* What a counter has said. */
struct kubernetes_meter {
    bool known;
    double cpu_s; /* seconds since it began */
    uint64_t when_ms;
    double rate; /* cores in use between the last two; negative: not known yet */
    uint64_t memory;
};

/* The next word on its CPU. A counter that fell began anew. */
void kubernetes_meter_count(struct kubernetes_meter *meter, double cpu_s, uint64_t when_ms);

#endif
