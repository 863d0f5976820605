#include "fabric/emulation.h"

#include <errno.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "fabric/device.h"
#include "fabric/ledger.h"
#include "fabric/testbed.h"

int emulation_make_groups(struct ledger *ledger, const struct cgroup *parent, size_t n_devices,
                          const struct fabric_device *devices, struct emulation *emulation,
                          struct error *err)
{
    emulation->n_devices = n_devices;
    emulation->groups = memory_new(n_devices, sizeof(*emulation->groups));
    if (cgroup_make_run(parent, ledger, &emulation->run, err) < 0) {
        return err->code;
    }
    for (size_t i = 0; i < n_devices; i++) {
        struct cgroup_limits limits = {.cores = devices[i].cores, .memory = devices[i].memory};
        if (cgroup_make(&emulation->run, (unsigned)i + 1, &limits, &emulation->groups[i], err) <
            0) {
            return err->code;
        }
    }
    return 0;
}

int emulation_make_network(struct ledger *ledger, const pid_t *holders, size_t n_devices,
                           struct fabric_device *devices, struct emulation *emulation,
                           struct error *err)
{
    cleanup(memory_free) struct network_link *links = memory_new(n_devices, sizeof(*links));
    cleanup(file_closep) int lock = -1;
    struct error ignored;
    bool delays = false;

    for (size_t i = 0; i < n_devices; i++) {
        delays = delays || devices[i].link_latency_ms > 0;
    }
    delays = delays && network_has_discipline("netem", &ignored);
    for (size_t i = 0; i < n_devices; i++) {
        devices[i].link_latency_ms = delays ? devices[i].link_latency_ms : 0;
        links[i] = (struct network_link){.rate = devices[i].link_rate,
                                         .latency_ms = devices[i].link_latency_ms,
                                         .holder = holders != NULL ? holders[i] : 0};
    }
    if (ledger_lock(&lock, err) < 0 ||
        network_make(ledger, n_devices, links, &emulation->network, err) < 0) {
        return err->code;
    }
    for (size_t i = 0; i < n_devices; i++) {
        devices[i].address = memory_text(emulation->network.devices[i].address);
        devices[i].emulated = true;
    }
    return 0;
}

int emulation_make(struct ledger *ledger, size_t n_devices, struct fabric_device *devices,
                   struct emulation *ret_emulation, struct error *err)
{
    cleanup(cgroup_finish) struct cgroup parent = {0};
    struct emulation emulation = {.network = {.counters = -1}};

    if (geteuid() != 0) {
        return error_set(err, -EPERM, "that needs root");
    }
    if (cgroup_find(&parent, err) < 0 ||
        emulation_make_groups(ledger, &parent, n_devices, devices, &emulation, err) < 0 ||
        emulation_make_network(ledger, NULL, n_devices, devices, &emulation, err) < 0) {
        emulation_finish(&emulation);
        return err->code;
    }
    *ret_emulation = emulation;
    return 0;
}

bool emulation_try(struct ledger *ledger)
{
    struct emulation emulation = {.network = {.counters = -1}};
    struct fabric_device device = {
        .cores = testbed_default.cores,
        .memory = testbed_default.memory,
        .link_rate = testbed_default.link_rate,
        .link_latency_ms = testbed_default.latency_ms,
    };
    struct error ignored;
    bool can = emulation_make(ledger, 1, &device, &emulation, &ignored) == 0;

    emulation_finish(&emulation);
    device_finish(&device);
    return can;
}

void emulation_finish(struct emulation *emulation)
{
    network_finish(&emulation->network);
    for (size_t i = 0; emulation->groups != NULL && i < emulation->n_devices; i++) {
        cgroup_finish(&emulation->groups[i]);
    }
    memory_free(&emulation->groups);
    cgroup_finish(&emulation->run);
}
