/* How the machine's own words are read: which control groups it has, which addresses are free,
 * which process is whose. Texts are the kernel's, from machines of each kind. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/test.h"
#include "fabric/cgroup.h"
#include "fabric/network.h"
#include "fabric/process.h"

static void unified_groups_are_made_at_the_root(void **state)
{
    (void)state;
    struct cgroup parent = {0};
    struct error err;

    assert_int_equal(
        cgroup_parse("24 20 0:21 / /proc rw shared:5 - proc proc rw\n"
                     "34 23 0:30 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 "
                     "rw,nsdelegate,memory_recursiveprot\n",
                     "0::/user.slice/user-0.slice/session-1.scope\n", &parent, &err),
        0);
    assert_int_equal(parent.version, 2);
    assert_string_equal(parent.folders[CGROUP_CPU], "/sys/fs/cgroup");
    assert_string_equal(parent.folders[CGROUP_MEMORY], "/sys/fs/cgroup");
    cgroup_finish(&parent);
}

static void old_groups_are_made_below_our_own(void **state)
{
    (void)state;
    struct cgroup parent = {0};
    struct error err;

    assert_int_equal(
        cgroup_parse(
            "32 31 0:29 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
            "33 31 0:30 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd\n"
            "34 31 0:31 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
            "35 31 0:32 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"
            "36 31 0:33 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n",
            "5:cpuset:/\n4:memory:/mine\n3:cpu,cpuacct:/\n1:name=systemd:/\n0::/\n", &parent,
            &err),
        0);
    assert_int_equal(parent.version, 1);
    assert_string_equal(parent.folders[CGROUP_CPU], "/sys/fs/cgroup/cpu,cpuacct");
    assert_string_equal(parent.folders[CGROUP_ACCOUNT], "/sys/fs/cgroup/cpu,cpuacct");
    assert_string_equal(parent.folders[CGROUP_MEMORY], "/sys/fs/cgroup/memory/mine");
    cgroup_finish(&parent);
}

static void a_containers_groups_begin_at_its_mount(void **state)
{
    (void)state;
    struct cgroup parent = {0};
    struct error err;

    assert_int_equal(
        cgroup_parse("1 2 0:1 /docker/4f /sys/fs/cgroup/cpu ro - cgroup cgroup rw,cpu,cpuacct\n"
                     "3 2 0:2 /docker/4f /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n",
                     "4:memory:/docker/4f\n3:cpu,cpuacct:/docker/4f/inner\n", &parent, &err),
        0);
    assert_string_equal(parent.folders[CGROUP_CPU], "/sys/fs/cgroup/cpu/inner");
    assert_string_equal(parent.folders[CGROUP_MEMORY], "/sys/fs/cgroup/memory");
    cgroup_finish(&parent);
}

static void what_is_missing_is_named(void **state)
{
    (void)state;
    struct cgroup parent = {0};
    struct error err;

    assert_int_equal(cgroup_parse("1 2 0:1 / /proc rw - proc proc rw\n", "", &parent, &err),
                     -ENOTSUP);
    assert_string_equal(err.text, "no control groups are mounted");
    assert_int_equal(cgroup_parse("1 2 0:1 / /g/cpu rw - cgroup cgroup rw,cpu,cpuacct\n",
                                  "3:cpu,cpuacct:/\n", &parent, &err),
                     -ENOTSUP);
    assert_string_equal(err.text, "the kernel's memory controller is not mounted");
    assert_int_equal(parent.version, 0);
}

#define ROUTES \
    "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n"

static void a_subnet_of_somebody_else_is_left_alone(void **state)
{
    (void)state;

    assert_int_equal(network_choose_subnet(ROUTES, 7), 7);
    /* A default route touches everything and counts for nothing. */
    assert_int_equal(
        network_choose_subnet(
            ROUTES "eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n", 7),
        7);
    /* 198.18.7.0/24 is another run's. */
    assert_int_equal(
        network_choose_subnet(
            ROUTES "br1\t000712C6\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n", 7),
        8);
    /* 198.18.7.128/25 lies within it. */
    assert_int_equal(
        network_choose_subnet(
            ROUTES "tun\t800712C6\t00000000\t0001\t0\t0\t0\t80FFFFFF\t0\t0\t0\n", 7),
        8);
    /* 198.18.0.0/16 takes the first half. */
    assert_int_equal(
        network_choose_subnet(
            ROUTES "vpn\t000012C6\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n", 7),
        256);
    /* 198.18.0.0/15 takes it all. */
    assert_int_equal(
        network_choose_subnet(
            ROUTES "vpn\t000012C6\t00000000\t0001\t0\t0\t0\t0000FEFF\t0\t0\t0\n", 7),
        -ENOENT);
}

static void a_process_is_known_by_its_start(void **state)
{
    (void)state;
    uint64_t started = process_start_time(getpid());

    assert_true(started > 0);
    assert_true(process_lives(getpid(), started));
    assert_false(process_lives(getpid(), started + 1));
    assert_int_equal(process_start_time(0x3fffffff), 0);
}

/* A ledger may name anything; only what is brume's is touched. */
static void nothing_of_others_is_removed(void **state)
{
    (void)state;
    struct error err;

    assert_int_equal(cgroup_remove("/sys/fs/cgroup/system.slice", &err), -EINVAL);
    assert_int_equal(network_remove_namespace("blue", &err), -EINVAL);
    assert_int_equal(network_remove_namespace("brume-/../blue", &err), -EINVAL);
    assert_int_equal(network_remove_link("eth0", &err), 0);
}

/* The files that version 2 has, in a folder that stands for its mount. */
static void unified_limits_are_written_as_the_kernel_reads_them(void **state)
{
    (void)state;
    static const char *const files[] = {"cpu.max", "memory.max", "memory.swap.max"};
    static const char *const values[] = {"3000 10000", "512000000", "0"};
    char folder[] = "/tmp/brume-test-XXXXXX";
    struct cgroup_limits limits = {.cores = 0.3, .memory = 512000000};
    struct error err;

    assert_non_null(mkdtemp(folder));
    struct cgroup group = {.version = 2};
    for (unsigned i = 0; i < CGROUP_N; i++) {
        group.folders[i] = memory_text(folder);
    }
    for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
        cleanup(memory_free) char *path = memory_format("%s/%s", folder, files[i]);
        assert_int_equal(file_write(path, "", 0, &err), 0);
    }
    assert_int_equal(cgroup_limit(&group, &limits, &err), 0);
    for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
        cleanup(memory_free) char *path = memory_format("%s/%s", folder, files[i]);
        cleanup(memory_free) char *text = NULL;
        size_t size;
        assert_int_equal(file_read(path, 4096, (void **)&text, &size, &err), 0);
        assert_string_equal(text, values[i]);
        unlink(path);
    }
    cgroup_finish(&group);
    rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unified_groups_are_made_at_the_root),
        cmocka_unit_test(old_groups_are_made_below_our_own),
        cmocka_unit_test(a_containers_groups_begin_at_its_mount),
        cmocka_unit_test(what_is_missing_is_named),
        cmocka_unit_test(a_subnet_of_somebody_else_is_left_alone),
        cmocka_unit_test(a_process_is_known_by_its_start),
        cmocka_unit_test(nothing_of_others_is_removed),
        cmocka_unit_test(unified_limits_are_written_as_the_kernel_reads_them),
    };
    return cmocka_run_group_tests_name("machine", tests, NULL, NULL);
}
