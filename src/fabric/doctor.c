/* What this machine has for emulating devices: facts for `brume doctor`. */
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/error.h"
#include "base/memory.h"
#include "fabric/cgroup.h"
#include "fabric/fabric.h"
#include "fabric/network.h"
#include "fabric/tool.h"

static bool is_program(const char *name)
{
    const char *const folders[] = {"/usr/sbin", "/sbin", "/usr/bin", "/bin"};

    for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++) {
        cleanup(memory_free) char *path = memory_format("%s/%s", folders[i], name);
        if (access(path, X_OK) == 0) {
            return true;
        }
    }
    return false;
}

static void tell_groups(void (*tell)(void *owner, const struct fabric_fact *fact), void *owner)
{
    cleanup(cgroup_finish) struct cgroup parent = {0};
    struct error err;
    bool there = cgroup_find(&parent, &err) == 0;
    cleanup(memory_free) char *what = there ? memory_format("version %u, in %s", parent.version,
                                                            parent.folders[CGROUP_MEMORY])
                                            : memory_text(err.text);
    struct fabric_fact fact = {
        .name = "control groups",
        .there = there,
        .needed = true,
        .what = what,
        .mend =
            "start the kernel with cgroup_enable=memory (Raspberry Pi: in cmdline.txt); in a "
            "container, use --privileged --cgroupns=host",
    };

    tell(owner, &fact);
}

static void tell_discipline(const char *kind, bool needed, const char *mend,
                            void (*tell)(void *owner, const struct fabric_fact *fact),
                            void *owner)
{
    struct error err;
    bool there = network_has_discipline(kind, &err);
    struct fabric_fact fact = {
        .name = kind,
        .there = there,
        .needed = needed,
        .what = there ? (needed ? "limits the rate of links" : "delays what links carry")
                      : err.text,
        .mend = mend,
    };

    tell(owner, &fact);
}

void fabric_doctor(void (*tell)(void *owner, const struct fabric_fact *fact), void *owner)
{
    bool root = geteuid() == 0;
    bool programs = is_program("ip") && is_program("tc");
    bool spaces = access("/proc/self/ns/net", F_OK) == 0;
    const struct fabric_fact facts[] = {
        {.name = "root",
         .there = root,
         .needed = true,
         .what = root ? "yes" : "no: devices are not emulated, stages are plain processes",
         .mend = "sudo brume …"},
        {.name = "ip and tc",
         .there = programs,
         .needed = true,
         .what = programs ? "yes" : "missing",
         .mend = "apt-get install iproute2"},
        {.name = "network namespaces",
         .there = spaces,
         .needed = true,
         .what = spaces ? "yes" : "the kernel has none",
         .mend = "a kernel with CONFIG_NET_NS"},
    };

    for (size_t i = 0; i < sizeof(facts) / sizeof(*facts); i++) {
        tell(owner, &facts[i]);
    }
    tell_groups(tell, owner);
    if (root && programs) {
        tell_discipline("tbf", true, "modprobe sch_tbf", tell, owner);
        tell_discipline("netem", false,
                        "modprobe sch_netem (a kernel without it has links without latency)",
                        tell, owner);
    }
}
