/* Opens and ends the local fabric: first what earlier runs left is removed, then the ledger is
 * begun, then its keeper is started, and only then is anything made.
 *
 * Where devices cannot be emulated they are processes of this machine with a share of its
 * cores, and the note says why.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "fabric/device.h"
#include "fabric/local.h"
#include "fabric/pinning.h"
#include "fabric/testbed.h"

#define PATH_SIZE 4096

struct local_guard {
    uv_poll_t watch; /* of the keeper's pidfd */
    struct local *local;
    struct keeper keeper;
};

static int find_program(const char *given, char **ret_program, struct error *err)
{
    cleanup(memory_free) char *program = NULL;
    const char *wanted = getenv("BRUME_STAGE"); /* NOLINT(concurrency-mt-unsafe) */
    char self[PATH_SIZE];

    if (given != NULL || wanted != NULL) {
        program = memory_text(given != NULL ? given : wanted);
    } else {
        ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
        self[n > 0 ? n : 0] = '\0';
        char *slash = strrchr(self, '/');
        if (slash == NULL) {
            return error_set(err, -ENOPKG, "cannot tell where this program is");
        }
        *slash = '\0';
        program = memory_format("%s/brume-stage", self);
    }
    if (access(program, X_OK) < 0) {
        return error_set(err, -ENOPKG, "%s: %s (BRUME_STAGE says where brume-stage is)",
                         program, strerrordesc_np(errno));
    }
    *ret_program = STEAL(program);
    return 0;
}

static void add_note(struct local *local, char *note)
{
    char *both = local->note == NULL ? note : memory_format("%s; %s", local->note, note);

    if (both != note) {
        memory_free(&note);
        memory_free(&local->note);
    }
    local->note = both;
}

static void release_guard(uv_handle_t *handle)
{
    free(handle->data);
}

static int guard_start(struct local *local, struct error *err);

/* Somebody killed the keeper. */
static void on_keeper_end(uv_poll_t *watch, int status, int events)
{
    (void)status;
    (void)events;
    struct local_guard *guard = watch->data;
    struct local *local = guard->local;
    struct error err;

    uv_poll_stop(&guard->watch);
    keeper_reap(&guard->keeper);
    uv_close((uv_handle_t *)&guard->watch, release_guard);
    local->guard = NULL;
    if (guard_start(local, &err) < 0) {
        add_note(local,
                 memory_format("if brume is killed now, its stages' devices stay until the "
                               "next start: %s",
                               err.text));
    }
}

static int guard_start(struct local *local, struct error *err)
{
    struct local_guard *guard = memory_new(1, sizeof(*guard));

    if (keeper_start(&local->ledger, &guard->keeper, err) < 0) {
        free(guard);
        return err->code;
    }
    guard->local = local;
    guard->watch.data = guard;
    uv_poll_init(local->loop, &guard->watch, guard->keeper.pidfd);
    uv_poll_start(&guard->watch, UV_READABLE, on_keeper_end);
    uv_unref((uv_handle_t *)&guard->watch);
    local->guard = guard;
    return 0;
}

static void guard_stop(struct local *local)
{
    struct local_guard *guard = local->guard;

    if (guard != NULL) {
        uv_poll_stop(&guard->watch);
        keeper_stop(&guard->keeper);
        uv_close((uv_handle_t *)&guard->watch, release_guard);
        local->guard = NULL;
    }
}

static int make_folder(struct local *local, struct error *err)
{
    const char *given = getenv("TMPDIR"); /* NOLINT(concurrency-mt-unsafe) */
    cleanup(memory_free) char *parent =
        file_absolute(given != NULL && *given != '\0' ? given : "/tmp");

    memory_free(&local->folder);
    local->folder = memory_format("%s/brume-%s", parent, local->ledger.run);
    if (ledger_write(&local->ledger, LEDGER_FOLDER, local->folder, err) < 0) {
        return err->code;
    }
    if (mkdir(local->folder, 0700) < 0) {
        int code = errno == ENOENT ? ENOTDIR : errno; /* nothing is missing but the place */
        return error_set(err, -code, "cannot make the folder of the run, %s: %s", local->folder,
                         strerrordesc_np(errno));
    }
    return 0;
}

/* Begins a ledger under the lock, so that nobody takes it for a dead run's before the
 * controller's line is in it. */
static int begin(struct local *local, struct error *err)
{
    cleanup(file_closep) int lock = -1;

    if (ledger_lock(&lock, err) < 0 || ledger_open(&local->ledger, err) < 0) {
        return err->code;
    }
    int r = guard_start(local, err);
    return r < 0 ? r : make_folder(local, err);
}

static void end(struct local *local)
{
    struct error ignored;

    emulation_finish(&local->emulation);
    if (local->ledger.path != NULL) {
        /* What would not go is left to the keeper, and then to the next start. */
        (void)ledger_undo(local->ledger.path, &ignored);
    }
    guard_stop(local);
    ledger_close(&local->ledger);
}

static void copy_devices(struct local *local, const struct testbed *testbed)
{
    local->n_devices = testbed->n_devices;
    local->devices = memory_new(testbed->n_devices, sizeof(*local->devices));
    local->past_cpu_ns = memory_new(testbed->n_devices, sizeof(*local->past_cpu_ns));
    local->memory_kills = memory_new(testbed->n_devices, sizeof(*local->memory_kills));
    for (size_t i = 0; i < testbed->n_devices; i++) {
        device_copy(&testbed->devices[i], &local->devices[i]);
    }
}

static void choose_cpus(struct local *local)
{
    static int there[PINNING_CPUS_MOST];
    size_t n = pinning_cpus(there), first = strtoul(local->ledger.run, NULL, 16);

    local->cpus = memory_new(local->n_devices, sizeof(*local->cpus));
    pinning_choose(local->devices, local->n_devices, n > 0 ? n : 1, first, local->cpus);
    for (size_t i = 0; i < local->n_devices; i++) {
        local->cpus[i] = n > 0 && local->cpus[i] >= 0 ? there[local->cpus[i]] : PINNING_NONE;
    }
}

/* What a device is that nothing limits: a fair share of this machine. */
static void make_plain(struct local *local)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);

    for (size_t i = 0; i < local->n_devices; i++) {
        struct fabric_device *device = &local->devices[i];
        memory_free(&device->type);
        memory_free(&device->address);
        device->type = memory_text("this-machine");
        device->address = memory_text("127.0.0.1");
        device->cores = (double)cores / (double)local->n_devices;
        device->memory = 0;
        device->link_rate = 0;
        device->link_latency_ms = 0;
        device->emulated = false;
    }
}

/* What is emulated, but not quite as asked. */
static void note_limits(struct local *local, const struct testbed *testbed)
{
    double there = (double)sysconf(_SC_NPROCESSORS_ONLN);
    bool slow = false;
    double cores = 0;

    for (size_t i = 0; i < local->n_devices; i++) {
        cores += local->devices[i].cores;
        slow = slow || (testbed->devices[i].link_latency_ms >= 1 &&
                        local->devices[i].link_latency_ms == 0);
    }
    if (slow) {
        add_note(local, memory_text("links have no latency of their own: this kernel has no "
                                    "netem"));
    }
    if (cores > there) {
        add_note(local, memory_format("the devices have %g cores together and this machine %g: "
                                      "they will slow each other down",
                                      cores, there));
    }
}

static int begin_again(struct local *local, struct error *err)
{
    end(local);
    return begin(local, err);
}

/* Whether one device as it is by default can be emulated here. */
static bool can_emulate(struct local *local)
{
    struct emulation emulation = {.network = {.counters = -1}};
    struct fabric_device device = {
        .cores = testbed_default.cores,
        .memory = testbed_default.memory,
        .link_rate = testbed_default.link_rate,
        .link_latency_ms = testbed_default.latency_ms,
    };
    struct error ignored;
    bool can = emulation_make(&local->ledger, 1, &device, &emulation, &ignored) == 0;

    emulation_finish(&emulation);
    device_finish(&device);
    return can;
}

/* Where this machine cannot emulate devices, they are processes of it, and the note says why;
 * where it can, but not these, that is an error: what was asked for was wrong. */
static int emulate(struct local *local, const struct testbed *testbed, struct error *err)
{
    struct error why;

    if (emulation_make(&local->ledger, local->n_devices, local->devices, &local->emulation,
                       &why) == 0) {
        local->emulated = true;
        choose_cpus(local);
        note_limits(local, testbed);
        return 0;
    }
    if (geteuid() == 0) {
        if (begin_again(local, err) < 0) {
            return err->code;
        }
        if (can_emulate(local)) {
            return error_set(err, -EINVAL, "the devices cannot be emulated as they are: %s",
                             why.text);
        }
    }
    add_note(local,
             memory_format("devices are not emulated, they are processes of this machine: "
                           "%s",
                           why.text));
    return begin_again(local, err);
}

static int fill(struct local *local, const struct fabric_config *config, struct error *err)
{
    cleanup(testbed_destroyp) struct testbed *alone = NULL;
    const struct testbed *testbed = config->testbed;
    struct error left;
    unsigned n_runs;

    if (testbed == NULL) {
        if (testbed_plain(1, &alone, err) < 0) {
            return err->code;
        }
        testbed = alone;
    }
    if (find_program(config->stage_program, &local->program, err) < 0) {
        return err->code;
    }
    /* What cannot be removed now does not keep this run from starting. */
    if (ledger_clean(&n_runs, &left) < 0) {
        add_note(local, memory_format("an earlier run left something: %s", left.text));
    }
    if (begin(local, err) < 0) {
        return err->code;
    }
    copy_devices(local, testbed);
    if (!testbed->plain && emulate(local, testbed, err) < 0) {
        return err->code;
    }
    if (!local->emulated) {
        make_plain(local);
    }
    return 0;
}

int local_open(const struct fabric_config *config, struct fabric **ret_fabric,
               struct error *err)
{
    struct local *local = memory_new(1, sizeof(*local));

    local->fabric.ops = &local_ops;
    local->loop = config->loop;
    local->events = config->events;
    local->later = later_create(config->loop);
    local->emulation.network.counters = -1;
    if (fill(local, config, err) < 0) {
        local_destroy(local);
        return err->code;
    }
    *ret_fabric = &local->fabric;
    return 0;
}

void local_destroy(struct local *local)
{
    end(local);
    later_destroy(local->later);
    for (size_t i = 0; i < local->n_devices; i++) {
        device_finish(&local->devices[i]);
    }
    memory_free(&local->devices);
    memory_free(&local->past_cpu_ns);
    memory_free(&local->cpus);
    memory_free(&local->memory_kills);
    memory_free(&local->program);
    memory_free(&local->note);
    memory_free(&local->folder);
    free(local);
}
