/* A testbed: the devices that the local fabric emulates.
 *
 *     apiVersion: brume.dev/v1alpha1
 *     kind: Testbed
 *     metadata: { name: lab }
 *     spec:
 *       defaults: { cpu: 0.3, memory: 512M }
 *       devices:
 *         - { name: camera, link: 10Mbit/s, latency: 2ms, has: [camera] }
 *         - { name: shelf, count: 3, cpu: 0.5 }      # shelf-1, shelf-2, shelf-3
 *
 * What a device does not say comes from `defaults`, then from a Raspberry Pi 3 on its Ethernet,
 * scaled: 0.3 of a core, 1 GB, 100 Mbit/s, 0.3 ms. Devices alike in cpu, memory and link are of
 * one type, and share profiles, unless `type` says otherwise. Messages have the form of the
 * application manifest's: "lab.yaml:7:23: unknown key 'cpus' in 'devices' (did you mean
 * 'cpu'?)". Quantities are as base/quantity.h reads them; 512M are 512,000,000 bytes, 512Mi are
 * 2^29.
 */
#ifndef FABRIC_TESTBED_H
#define FABRIC_TESTBED_H

#include "base/yaml.h"
#include "fabric/fabric.h"

#define TESTBED_DEVICES_MOST 200

struct testbed {
    bool plain; /* the devices are not to be limited */
    size_t n_devices;
    struct fabric_device *devices;
};

/* What a device is when nothing else is said. */
struct testbed_device {
    double cores;
    uint64_t memory;  /* bytes */
    double link_rate; /* bytes/s */
    double latency_ms;
};
extern const struct testbed_device testbed_default;
extern const struct yaml_key testbed_keys[]; /* what a manifest may hold */

int testbed_load(const char *path, struct testbed **ret_testbed, struct error *err);
int testbed_parse(const char *path, const char *text, size_t size, struct testbed **ret_testbed,
                  struct error *err);

/* The keys of a device's limits, in turn: "cpu", "memory", "link", "latency", NULL. */
const char *testbed_limit(size_t index);
/* Reads one of them as people write it, into the device. -EINVAL with "link: '1bit/s' is not a
 * rate from …", whoever asks: a manifest or the command line. */
int testbed_read_limit(const char *key, const char *text, struct testbed_device *device,
                       struct error *err);

/* `n_devices` alike, "device-1", "device-2", …. -EINVAL outside 1 to TESTBED_DEVICES_MOST. */
int testbed_equal(int64_t n_devices, const struct testbed_device *each,
                  struct testbed **ret_testbed, struct error *err);

/* The same without limits: processes of this machine, as many as `n_devices`. */
int testbed_plain(int64_t n_devices, struct testbed **ret_testbed, struct error *err);

/* Says that a device has something. `brume run --devices N` gives the first device whatever the
 * application's operators ask for, so that an application with a camera runs anywhere. */
void testbed_give(struct testbed *testbed, size_t device, const char *what);

void testbed_destroy(struct testbed *testbed);
void testbed_destroyp(struct testbed **testbed);

#endif
