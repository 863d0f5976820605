/* From what a counter says to what was used between. Pure. */
#ifndef FABRIC_KUBERNETES_METER_H
#define FABRIC_KUBERNETES_METER_H

#include <stdbool.h>
#include <stdint.h>

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
