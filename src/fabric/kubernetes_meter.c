#include "fabric/kubernetes_meter.h"

void kubernetes_meter_count(struct kubernetes_meter *meter, double cpu_s, uint64_t when_ms)
{
    if (meter->known && when_ms == meter->when_ms) {
        return;
    }
    bool goes_on = meter->known && when_ms > meter->when_ms && cpu_s >= meter->cpu_s;

    meter->rate =
        goes_on ? (cpu_s - meter->cpu_s) * 1000 / (double)(when_ms - meter->when_ms) : -1;
    meter->known = true;
    meter->cpu_s = cpu_s;
    meter->when_ms = when_ms;
}
