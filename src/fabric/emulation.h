/* Emulated devices: one control group and one network namespace each, made together, and
 * entered in the ledger, which is how they are removed. */
#ifndef FABRIC_EMULATION_H
#define FABRIC_EMULATION_H

#include <sys/types.h>

#include "fabric/cgroup.h"
#include "fabric/fabric.h"
#include "fabric/network.h"

struct ledger;

struct emulation {
    size_t n_devices;
    struct cgroup run;
    struct cgroup *groups; /* by device */
    struct network network;
};

/* Makes the devices and writes what they really are into them: addresses, and latencies of 0
 * where the kernel cannot delay. -ENOTSUP, -EPERM or what the system said when devices cannot
 * be emulated here; the ledger then lists what was made before. */
int emulation_make(struct ledger *ledger, size_t n_devices, struct fabric_device *devices,
                   struct emulation *ret_emulation, struct error *err);

/* The two halves of it, for fabrics that do something in between. The groups are made below
 * `parent`. `holders` (NULL: none) are processes, by device, each in a network namespace that
 * is to be the device's. `emulation` is zeroed but for network.counters, -1; it is finished by
 * the caller whatever the answer. */
int emulation_make_groups(struct ledger *ledger, const struct cgroup *parent, size_t n_devices,
                          const struct fabric_device *devices, struct emulation *emulation,
                          struct error *err);
int emulation_make_network(struct ledger *ledger, const pid_t *holders, size_t n_devices,
                           struct fabric_device *devices, struct emulation *emulation,
                           struct error *err);

/* Whether one device as it is by default can be emulated here. What it made is in the ledger,
 * which is to be undone. */
bool emulation_try(struct ledger *ledger);

/* Closes descriptors and frees; what the ledger lists stays. */
void emulation_finish(struct emulation *emulation);

#endif
