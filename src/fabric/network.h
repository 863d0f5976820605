/* The emulated network of a run: a switch and the devices' links to it.
 *
 *     root namespace        brume-RUN-switch               brume-RUN-1
 *     brRUN <---------> uplink --+-- bridge --- d1 <-----> eth0
 *     198.18.x.1                 |               ^           ^ 198.18.x.2
 *     (the controller)           +--- d2 ...     |           |
 *                                            token bucket: each end limits what it sends
 *
 * The switch has a namespace of its own because bridged packets pass through the firewall of
 * the bridge's namespace, and a machine with Docker drops what it does not know. Addresses come
 * from 198.18.0.0/15, which RFC 2544 reserves for measuring networks: a /24 that no route of
 * the machine touches. The controller's link is not limited.
 *
 * Caller holds ledger_lock() while making one.
 */
#ifndef FABRIC_NETWORK_H
#define FABRIC_NETWORK_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/base.h"

struct error;
struct ledger;

#define NETWORK_DEVICES_MOST 200

struct network_link {
    double rate;       /* bytes/s each way; 0: not limited */
    double latency_ms; /* one way; 0: not delayed */
    pid_t holder;      /* a process whose namespace is the device's; 0: one is made */
};

struct network {
    char controller[INET_ADDRSTRLEN];
    size_t n_devices;
    struct network_port {
        char address[INET_ADDRSTRLEN];
        int namespace; /* descriptor */
    } * devices;
    int counters; /* the switch's /proc/net/dev */
};

/* Links in the order of devices. On failure the ledger has what is to be removed. */
int network_make(struct ledger *ledger, size_t n_links, const struct network_link *links,
                 struct network *ret_network, struct error *err);

/* Bytes that device `index` (from 0) sent and received since the network was made. */
int network_read(const struct network *network, size_t index, uint64_t *ret_sent,
                 uint64_t *ret_received, struct error *err);

/* Whether the kernel has a queueing discipline: "tbf", "netem"; tried out on a namespace that
 * goes again. Needs root. */
bool network_has_discipline(const char *kind, struct error *err);

/* The number of a subnet 198.18.0.0/15 + NUMBER * 256 that no line of `routes` (the text of
 * /proc/net/route) touches, looked for from `first` on; negative: none is free. */
int network_choose_subnet(const char *routes, unsigned first);

int network_remove_link(const char *name, struct error *err);
int network_remove_namespace(const char *name, struct error *err);

void network_finish(struct network *network);

#endif
