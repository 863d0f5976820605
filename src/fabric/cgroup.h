/* CPU quota and memory limit of a device: one control group per device, in whatever form this
 * machine has it.
 *
 *   version 2   <mount>/brume-RUN/N, below the root of the hierarchy: the groups in between
 *               hold processes and so cannot hand controllers on
 *   version 1   the same below brume's own group in each of the hierarchies cpu, cpuacct and
 *               memory, so that what already limits brume limits its devices too
 *
 * The quota's period is 10 ms. With the kernel's 100 ms a device of 0.3 cores works for 30 ms
 * and then sleeps for 70, which no real device does and which a frame of 40 ms feels.
 */
#ifndef FABRIC_CGROUP_H
#define FABRIC_CGROUP_H

#include <stdint.h>

#include "base/base.h"

struct error;
struct ledger;

enum cgroup_controller { CGROUP_CPU, CGROUP_ACCOUNT, CGROUP_MEMORY, CGROUP_N };

/* One folder per controller; in version 2 they are all the same. */
struct cgroup {
    unsigned version; /* 1 or 2; 0: there is none */
    char *folders[CGROUP_N];
};

struct cgroup_limits {
    double cores;
    uint64_t memory; /* bytes; 0: not limited */
};

struct cgroup_usage {
    uint64_t cpu_ns;
    uint64_t memory;       /* working set: what the kernel could not simply drop */
    uint64_t memory_kills; /* processes killed for going over a limit; in version 1 without
                              those of groups below */
    uint64_t memory_hits;  /* how often the limit was in the way */
};

/* Where this process may make groups. -ENOTSUP, with what is missing, where it cannot. */
int cgroup_find(struct cgroup *ret_parent, struct error *err);

/* The root of the hierarchies: where a container engine makes its groups. */
int cgroup_find_root(struct cgroup *ret_root, struct error *err);

/* Enters the group of the run in the ledger for each hierarchy that is mounted: an engine makes
 * it in all of them, and leaves it. */
int cgroup_enter_everywhere(struct ledger *ledger, struct error *err);

/* The same as cgroup_find() from the text of /proc/self/mountinfo and /proc/self/cgroup. */
int cgroup_parse(const char *mountinfo, const char *self, struct cgroup *ret_parent,
                 struct error *err);

/* Makes the group of the run, to hold those of its devices, and enters it in the ledger. */
int cgroup_make_run(const struct cgroup *parent, struct ledger *ledger, struct cgroup *ret_run,
                    struct error *err);

int cgroup_make(const struct cgroup *run, unsigned number, const struct cgroup_limits *limits,
                struct cgroup *ret_group, struct error *err);

/* Sets a group's limits, which cgroup_make() does too. */
int cgroup_limit(const struct cgroup *group, const struct cgroup_limits *limits,
                 struct error *err);

/* The files to which a process writes "0" to enter the group, at most CGROUP_N; malloc'ed. */
unsigned cgroup_doors(const struct cgroup *group, char *ret_paths[static CGROUP_N]);

void cgroup_read(const struct cgroup *group, struct cgroup_usage *ret_usage);

/* Kills what lives in the folder of a run's group and in those of its devices, and removes
 * them. Blocks, five seconds at most. */
int cgroup_remove(const char *folder, struct error *err);

void cgroup_finish(struct cgroup *group);

#endif
