#include "fabric/pinning.h"

#include <sched.h>
#include <stdlib.h>

#include "base/memory.h"
#include "fabric/fabric.h"

/* The device with the most cores that is not placed yet, of those that one CPU can play. */
static size_t next_device(const struct fabric_device *devices, size_t n, const int *cpus)
{
    size_t next = n;

    for (size_t i = 0; i < n; i++) {
        if (cpus[i] == PINNING_NONE && devices[i].cores <= 1 &&
            (next == n || devices[i].cores > devices[next].cores)) {
            next = i;
        }
    }
    return next;
}

void pinning_choose(const struct fabric_device *devices, size_t n_devices, size_t n_cpus,
                    size_t first, int *ret_cpu)
{
    cleanup(memory_free) double *used = memory_new(n_cpus, sizeof(*used));
    size_t device;

    for (size_t i = 0; i < n_devices; i++) {
        ret_cpu[i] = PINNING_NONE;
    }
    while ((device = next_device(devices, n_devices, ret_cpu)) < n_devices) {
        size_t best = first % n_cpus;

        for (size_t i = 0; i < n_cpus; i++) {
            size_t cpu = (first + i) % n_cpus;
            best = used[cpu] < used[best] - 1e-9 ? cpu : best;
        }
        if (used[best] + devices[device].cores > 1 + 1e-9) {
            return;
        }
        used[best] += devices[device].cores;
        ret_cpu[device] = (int)best;
    }
}

size_t pinning_cpus(int ret_cpus[PINNING_CPUS_MOST])
{
    cpu_set_t set;
    size_t n = 0;

    if (sched_getaffinity(0, sizeof(set), &set) < 0) {
        return 0;
    }
    for (size_t cpu = 0; cpu < CPU_SETSIZE && n < PINNING_CPUS_MOST; cpu++) {
        if (CPU_ISSET(cpu, &set)) {
            ret_cpus[n++] = (int)cpu;
        }
    }
    return n;
}
