#include "fabric/network.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "fabric/ledger.h"
#include "fabric/tool.h"

#define NAMESPACES    "/run/netns"
#define PACKET        UINT64_C(1514)   /* bytes of a full Ethernet frame */
#define GLUE_MOST     UINT64_C(65536)  /* bytes: the kernel's own limit */
#define QUEUE_LEAST   UINT64_C(131072) /* two of the kernel's glued packets */
#define SUBNET_BASE   0xc6120000U      /* 198.18.0.0 */
#define SUBNETS       512
#define ROUTES_MOST   ((size_t)1 << 20)
#define COUNTERS_MOST 65536

struct names {
    char hub[32];  /* the switch's namespace */
    char link[16]; /* the controller's end of its link */
    struct ledger *ledger;
};

static void name_device(const struct names *names, size_t index, char ret_name[32])
{
    snprintf(ret_name, 32, "brume-%s-%zu", names->ledger->run, index + 1);
}

int network_choose_subnet(const char *routes, unsigned first)
{
    for (unsigned k = 0; k < SUBNETS; k++) {
        unsigned number = (first + k) % SUBNETS;
        uint32_t base = SUBNET_BASE + number * 256;
        bool taken = false;
        for (const char *line = routes; line != NULL && !taken;) {
            unsigned to, mask;
            /* NOLINTNEXTLINE(cert-err34-c): eight digits written by the kernel */
            if (sscanf(line, "%*s %8x %*x %*x %*d %*d %*d %8x", &to, &mask) == 2) {
                uint32_t common = ntohl(mask) & 0xffffff00U;
                taken = mask != 0 && (ntohl(to) & common) == (base & common);
            }
            line = strchr(line, '\n');
            line = line == NULL ? NULL : line + 1;
        }
        if (!taken) {
            return (int)number;
        }
    }
    return -ENOENT;
}

static void write_address(unsigned subnet, unsigned host, char ret_text[INET_ADDRSTRLEN])
{
    uint32_t address = SUBNET_BASE + subnet * 256 + host;

    snprintf(ret_text, INET_ADDRSTRLEN, "%u.%u.%u.%u", address >> 24, address >> 16 & 255,
             address >> 8 & 255, address & 255);
}

/* The bucket holds four milliseconds of the rate, or two packets: enough that the timer's
 * lateness costs nothing, and little enough to be no burst that matters to a picture. */
static uint64_t bucket_size(const struct network_link *link)
{
    uint64_t burst = (uint64_t)(link->rate * 0.004);

    return burst < 2 * PACKET ? 2 * PACKET : burst;
}

/* TCP hands the kernel packets glued together, and one glued packet costs the emulation as much
 * as a small one. What is larger than the bucket would be cut into single packets there, and
 * the device that happens to run would pay for each of them; so they are glued to fit. */
static void add_glue_limit(struct script *script, const char *device,
                           const struct network_link *link)
{
    uint64_t size = bucket_size(link) - PACKET;

    if (link->rate > 0) {
        script_add(script, "link set dev %s gso_max_size %" PRIu64 "\n", device,
                   size < GLUE_MOST ? size : GLUE_MOST);
    }
}

static void add_disciplines(struct script *script, const char *device,
                            const struct network_link *link)
{
    uint64_t burst = bucket_size(link);
    uint64_t queue = (uint64_t)(link->rate * 0.05);
    const char *parent = "root";

    queue = queue < QUEUE_LEAST ? QUEUE_LEAST : queue;
    if (link->rate > 0) {
        script_add(script,
                   "qdisc add dev %s root handle 1: tbf rate %.0fbps burst %" PRIu64
                   " limit %" PRIu64 "\n",
                   device, link->rate, burst, burst + queue);
        parent = "parent 1:1";
    }
    if (link->latency_ms > 0) {
        script_add(script, "qdisc add dev %s %s handle 2: netem delay %.3fms limit 10000\n",
                   device, parent, link->latency_ms);
    }
}

static int make_links(const struct names *names, size_t n_links,
                      const struct network_link *links, struct error *err)
{
    struct ledger *ledger = names->ledger;
    cleanup(script_finish) struct script script = {0};
    char name[32];

    if (ledger_write(ledger, LEDGER_LINK, names->link, err) < 0 ||
        ledger_write(ledger, LEDGER_NAMESPACE, names->hub, err) < 0) {
        return err->code;
    }
    script_add(&script, "netns add %s\n", names->hub);
    script_add(&script, "link add %s type veth peer name uplink netns %s\n", names->link,
               names->hub);
    for (size_t i = 0; i < n_links; i++) {
        name_device(names, i, name);
        if (ledger_write(ledger, LEDGER_NAMESPACE, name, err) < 0) {
            return err->code;
        }
        if (links[i].holder > 0) {
            script_add(&script, "netns attach %s %d\n", name, (int)links[i].holder);
        } else {
            script_add(&script, "netns add %s\n", name);
        }
        script_add(&script, "link add d%zu netns %s type veth peer name eth0 netns %s\n", i + 1,
                   names->hub, name);
    }
    return tool_batch("ip", NULL, &script, ledger, err);
}

static void add_port(struct script *script, const char *name)
{
    script_add(script, "link set dev %s addrgenmode none\n", name);
    script_add(script, "link set dev %s master bridge up\n", name);
}

static int make_switch(const struct names *names, size_t n_links,
                       const struct network_link *links, struct error *err)
{
    cleanup(script_finish) struct script wires = {0};
    cleanup(script_finish) struct script rates = {0};
    char port[32];

    script_add(&wires, "link add bridge type bridge forward_delay 0 mcast_snooping 0\n");
    script_add(&wires, "link set bridge addrgenmode none\n");
    script_add(&wires, "link set lo up\nlink set bridge up\n");
    add_port(&wires, "uplink");
    for (size_t i = 0; i < n_links; i++) {
        snprintf(port, sizeof(port), "d%zu", i + 1);
        add_port(&wires, port);
        add_glue_limit(&wires, port, &links[i]);
        add_disciplines(&rates, port, &links[i]);
    }
    if (tool_batch("ip", names->hub, &wires, names->ledger, err) < 0) {
        return err->code;
    }
    return rates.size == 0 ? 0 : tool_batch("tc", names->hub, &rates, names->ledger, err);
}

static int make_device(const char *namespace, const char *address,
                       const struct network_link *link, struct ledger *ledger,
                       struct error *err)
{
    cleanup(script_finish) struct script wires = {0};
    cleanup(script_finish) struct script rates = {0};

    add_disciplines(&rates, "eth0", link);
    script_add(&wires, "link set lo up\nlink set eth0 addrgenmode none\n");
    add_glue_limit(&wires, "eth0", link);
    script_add(&wires, "address add %s/24 dev eth0\nlink set eth0 up\n", address);
    if (rates.size > 0 && tool_batch("tc", namespace, &rates, ledger, err) < 0) {
        return err->code;
    }
    return tool_batch("ip", namespace, &wires, ledger, err);
}

static int attach_controller(const struct names *names, const char *address, struct error *err)
{
    cleanup(script_finish) struct script script = {0};

    script_add(&script, "link set dev %s addrgenmode none\n", names->link);
    script_add(&script, "address add %s/24 dev %s\n", address, names->link);
    script_add(&script, "link set dev %s up\n", names->link);
    return tool_batch("ip", NULL, &script, names->ledger, err);
}

static int open_namespace(const char *name, struct error *err)
{
    cleanup(memory_free) char *path = memory_format(NAMESPACES "/%s", name);
    int file = open(path, O_RDONLY | O_CLOEXEC);

    return file >= 0
               ? file
               : error_set(err, -errno, "cannot open %s: %s", path, strerrordesc_np(errno));
}

/* The file stays with the namespace it was opened in, so that it can be read from here. */
static int open_counters(const char *namespace, struct error *err)
{
    cleanup(file_closep) int there = open_namespace(namespace, err);
    cleanup(file_closep) int here = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);

    if (there < 0 || here < 0 || setns(there, CLONE_NEWNET) < 0) {
        return error_set(err, -EIO, "cannot enter the network namespace %s", namespace);
    }
    int counters = open("/proc/thread-self/net/dev", O_RDONLY | O_CLOEXEC);
    int back = setns(here, CLONE_NEWNET);
    assert(back == 0);
    return counters >= 0 ? counters : error_set(err, -EIO, "cannot read the links' counters");
}

static int choose_subnet(const struct names *names, struct error *err)
{
    cleanup(memory_free) char *routes = NULL;
    size_t size;

    if (file_read("/proc/net/route", ROUTES_MOST, (void **)&routes, &size, err) < 0) {
        return err->code;
    }
    unsigned first = (unsigned)strtoul(names->ledger->run, NULL, 16);
    int subnet = network_choose_subnet(routes, first);
    return subnet >= 0 ? subnet
                       : error_set(err, -EADDRINUSE, "no free subnet in 198.18.0.0/15");
}

static int fill(const struct names *names, unsigned subnet, const struct network_link *links,
                struct network *network, struct error *err)
{
    char name[32];

    for (size_t i = 0; i < network->n_devices; i++) {
        struct network_port *port = &network->devices[i];
        name_device(names, i, name);
        write_address(subnet, 2 + (unsigned)i, port->address);
        port->namespace = open_namespace(name, err);
        if (port->namespace < 0 ||
            make_device(name, port->address, &links[i], names->ledger, err) < 0) {
            return err->code;
        }
    }
    write_address(subnet, 1, network->controller);
    network->counters = open_counters(names->hub, err);
    return network->counters < 0 ? err->code
                                 : attach_controller(names, network->controller, err);
}

int network_make(struct ledger *ledger, size_t n_links, const struct network_link *links,
                 struct network *ret_network, struct error *err)
{
    cleanup(network_finish) struct network network = {.counters = -1, .n_devices = n_links};
    struct names names = {.ledger = ledger};

    assert(n_links <= NETWORK_DEVICES_MOST);
    snprintf(names.hub, sizeof(names.hub), "brume-%s-switch", ledger->run);
    snprintf(names.link, sizeof(names.link), "br%s", ledger->run);
    network.devices = memory_new(n_links, sizeof(*network.devices));
    for (size_t i = 0; i < n_links; i++) {
        network.devices[i].namespace = -1;
    }
    int subnet = choose_subnet(&names, err);
    if (subnet < 0 || make_links(&names, n_links, links, err) < 0 ||
        make_switch(&names, n_links, links, err) < 0 ||
        fill(&names, (unsigned)subnet, links, &network, err) < 0) {
        return err->code;
    }
    *ret_network = network;
    network = (struct network){.counters = -1};
    return 0;
}

int network_read(const struct network *network, size_t index, uint64_t *ret_sent,
                 uint64_t *ret_received, struct error *err)
{
    cleanup(memory_free) char *text = memory_new(COUNTERS_MOST, 1);
    char port[32];
    size_t size = 0;
    ssize_t n;

    while (size < COUNTERS_MOST - 1 && (n = pread(network->counters, text + size,
                                                  COUNTERS_MOST - 1 - size, (off_t)size)) > 0) {
        size += (size_t)n;
    }
    snprintf(port, sizeof(port), " d%zu:", index + 1);
    char *at = strstr(text, port);
    if (at == NULL) {
        return error_set(err, -ENODEV, "the link of device %zu is gone", index + 1);
    }
    at = strchr(at, ':') + 1;
    /* The first of eight numbers is what the switch received, the ninth what it sent. */
    uint64_t numbers[9] = {0};
    for (size_t i = 0; i < 9; i++) {
        numbers[i] = strtoull(at, &at, 10);
    }
    *ret_sent = numbers[0];
    *ret_received = numbers[8];
    return 0;
}

/* In a namespace without a name, which ends with the process that tries. */
static _Noreturn void try_discipline(const struct script *script, int answer)
{
    struct error err = {0};

    if (unshare(CLONE_NEWNET) < 0) {
        error_set(&err, -errno, "no network namespaces: %s", strerrordesc_np(errno));
    } else {
        (void)tool_batch("tc", NULL, script, NULL, &err);
    }
    ssize_t n = write(answer, &err, sizeof(err));
    _exit(n == sizeof(err) ? 0 : 1);
}

bool network_has_discipline(const char *kind, struct error *err)
{
    cleanup(script_finish) struct script script = {0};
    const char *options =
        strcmp(kind, "tbf") == 0 ? "rate 1mbit burst 5kb limit 50kb" : "delay 1ms";
    struct error said = {.code = -EIO, .text = "no answer"};
    int ends[2];

    script_add(&script, "qdisc add dev lo root %s %s\n", kind, options);
    if (pipe2(ends, O_CLOEXEC) < 0) {
        error_set(err, -errno, "cannot make a pipe: %s", strerrordesc_np(errno));
        return false;
    }
    pid_t pid = fork();
    if (pid == 0) {
        try_discipline(&script, ends[1]);
    }
    close(ends[1]);
    ssize_t n = read(ends[0], &said, sizeof(said));
    close(ends[0]);
    while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
    }
    if (n != sizeof(said) || said.code != 0) {
        *err = said;
        return false;
    }
    return true;
}

int network_remove_link(const char *name, struct error *err)
{
    cleanup(script_finish) struct script script = {0};

    if (strncmp(name, "br", 2) != 0 || if_nametoindex(name) == 0) {
        return 0;
    }
    script_add(&script, "link delete %s\n", name);
    if (tool_batch("ip", NULL, &script, NULL, err) < 0 && if_nametoindex(name) != 0) {
        return err->code;
    }
    return 0;
}

int network_remove_namespace(const char *name, struct error *err)
{
    cleanup(memory_free) char *path = memory_format(NAMESPACES "/%s", name);

    if (strncmp(name, "brume-", 6) != 0 || strchr(name, '/') != NULL) {
        return error_set(err, -EINVAL, "%s is no namespace of brume's", name);
    }
    (void)umount2(path, MNT_DETACH);
    if (unlink(path) < 0 && errno != ENOENT) {
        return error_set(err, -errno, "cannot remove %s: %s", path, strerrordesc_np(errno));
    }
    return 0;
}

void network_finish(struct network *network)
{
    for (size_t i = 0; network->devices != NULL && i < network->n_devices; i++) {
        file_closep(&network->devices[i].namespace);
    }
    memory_free(&network->devices);
    file_closep(&network->counters);
}
