/* Which CPU of this machine plays the one core of an emulated device.
 *
 * A device with at most one core must not run two threads at once, so all its processes share
 * one CPU: then the kernel shares the device among them as it would on a device. Devices go to
 * the CPU with the most left; one that does not fit anywhere, or has more than one core, may
 * run on all.
 */
#ifndef FABRIC_PINNING_H
#define FABRIC_PINNING_H

#include <stddef.h>

struct fabric_device;

enum { PINNING_CPUS_MOST = 1024, PINNING_NONE = -1 };

/* `first` says which CPU to begin with, so that runs beside each other begin with different
 * ones. `ret_cpu` gets an index below n_cpus, or PINNING_NONE, per device. */
void pinning_choose(const struct fabric_device *devices, size_t n_devices, size_t n_cpus,
                    size_t first, int *ret_cpu);

/* The CPUs this process may use, as the kernel numbers them; how many there are. */
size_t pinning_cpus(int ret_cpus[PINNING_CPUS_MOST]);

#endif
