#include "fabric/site.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "fabric/device.h"
#include "fabric/keeper.h"
#include "fabric/pinning.h"
#include "fabric/testbed.h"

struct site_guard {
    uv_poll_t watch; /* of the keeper's pidfd */
    struct site *site;
    struct keeper keeper;
};

void site_note(struct site *site, char *note)
{
    char *both = site->note == NULL ? note : memory_format("%s; %s", site->note, note);

    if (both != note) {
        memory_free(&note);
        memory_free(&site->note);
    }
    site->note = both;
}

static void release_guard(uv_handle_t *handle)
{
    free(handle->data);
}

static int guard_start(struct site *site, struct error *err);

/* Somebody killed the keeper. */
static void on_keeper_end(uv_poll_t *watch, int status, int events)
{
    (void)status;
    (void)events;
    struct site_guard *guard = watch->data;
    struct site *site = guard->site;
    struct error err;

    uv_poll_stop(&guard->watch);
    keeper_reap(&guard->keeper);
    uv_close((uv_handle_t *)&guard->watch, release_guard);
    site->guard = NULL;
    if (guard_start(site, &err) < 0) {
        site_note(site,
                  memory_format("if brume is killed now, its stages' devices stay until the "
                                "next start: %s",
                                err.text));
    }
}

static int guard_start(struct site *site, struct error *err)
{
    struct site_guard *guard = memory_new(1, sizeof(*guard));

    if (keeper_start(&site->ledger, &guard->keeper, err) < 0) {
        free(guard);
        return err->code;
    }
    guard->site = site;
    guard->watch.data = guard;
    uv_poll_init(site->loop, &guard->watch, guard->keeper.pidfd);
    uv_poll_start(&guard->watch, UV_READABLE, on_keeper_end);
    uv_unref((uv_handle_t *)&guard->watch);
    site->guard = guard;
    return 0;
}

static void guard_stop(struct site *site)
{
    struct site_guard *guard = site->guard;

    if (guard != NULL) {
        uv_poll_stop(&guard->watch);
        keeper_stop(&guard->keeper);
        uv_close((uv_handle_t *)&guard->watch, release_guard);
        site->guard = NULL;
    }
}

static int make_folder(struct site *site, struct error *err)
{
    const char *given = getenv("TMPDIR"); /* NOLINT(concurrency-mt-unsafe) */
    cleanup(memory_free) char *parent =
        file_absolute(given != NULL && *given != '\0' ? given : "/tmp");

    memory_free(&site->folder);
    site->folder = memory_format("%s/brume-%s", parent, site->ledger.run);
    if (ledger_write(&site->ledger, LEDGER_FOLDER, site->folder, err) < 0) {
        return err->code;
    }
    if (mkdir(site->folder, 0700) < 0) {
        int code = errno == ENOENT ? ENOTDIR : errno; /* nothing is missing but the place */
        return error_set(err, -code, "cannot make the folder of the run, %s: %s", site->folder,
                         strerrordesc_np(errno));
    }
    return 0;
}

/* Begins a ledger under the lock, so that nobody takes it for a dead run's before the
 * controller's line is in it. */
static int begin(struct site *site, struct error *err)
{
    cleanup(file_closep) int lock = -1;

    if (ledger_lock(&lock, err) < 0 || ledger_open(&site->ledger, err) < 0) {
        return err->code;
    }
    int r = guard_start(site, err);
    return r < 0 ? r : make_folder(site, err);
}

static void end(struct site *site)
{
    struct ledger *ledger = &site->ledger;
    struct error ignored;
    bool left = ledger->path != NULL && ledger_undo(ledger->path, &ignored) < 0;

    guard_stop(site);
    if (left) {
        /* What would not go is left to the next start, this controller's too. */
        (void)ledger_write(ledger, LEDGER_CLOSED, ledger->run, &ignored);
    }
    ledger_close(ledger);
}

static void copy_devices(struct site *site, const struct testbed *testbed)
{
    site->n_devices = testbed->n_devices;
    site->devices = memory_new(testbed->n_devices, sizeof(*site->devices));
    for (size_t i = 0; i < testbed->n_devices; i++) {
        device_copy(&testbed->devices[i], &site->devices[i]);
    }
}

void site_choose_cpus(struct site *site)
{
    static int there[PINNING_CPUS_MOST];
    size_t n = pinning_cpus(there), first = strtoul(site->ledger.run, NULL, 16);

    site->cpus = memory_new(site->n_devices, sizeof(*site->cpus));
    pinning_choose(site->devices, site->n_devices, n > 0 ? n : 1, first, site->cpus);
    for (size_t i = 0; i < site->n_devices; i++) {
        site->cpus[i] = n > 0 && site->cpus[i] >= 0 ? there[site->cpus[i]] : PINNING_NONE;
    }
}

void site_make_plain(struct site *site, const char *address)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);

    for (size_t i = 0; i < site->n_devices; i++) {
        struct fabric_device *device = &site->devices[i];
        memory_free(&device->type);
        memory_free(&device->address);
        device->type = memory_text("this-machine");
        device->address = memory_text(address);
        device->cores = (double)cores / (double)site->n_devices;
        device->memory = 0;
        device->link_rate = 0;
        device->link_latency_ms = 0;
        device->emulated = false;
    }
}

void site_note_limits(struct site *site, const struct testbed *testbed)
{
    double there = (double)sysconf(_SC_NPROCESSORS_ONLN);
    bool slow = false;
    double cores = 0;

    for (size_t i = 0; i < site->n_devices; i++) {
        cores += site->devices[i].cores;
        slow = slow || (testbed->devices[i].link_latency_ms >= 1 &&
                        site->devices[i].link_latency_ms == 0);
    }
    if (slow) {
        site_note(site, memory_text("links have no latency of their own: this kernel has no "
                                    "netem"));
    }
    if (cores > there) {
        site_note(site, memory_format("the devices have %g cores together and this machine %g: "
                                      "they will slow each other down",
                                      cores, there));
    }
}

int site_begin_again(struct site *site, struct error *err)
{
    end(site);
    return begin(site, err);
}

int site_open(struct site *site, struct uv_loop_s *loop, const struct testbed *testbed,
              struct error *err)
{
    cleanup(testbed_destroyp) struct testbed *alone = NULL;
    struct error left;
    unsigned n_runs;

    site->loop = loop;
    if (testbed == NULL) {
        if (testbed_plain(1, &alone, err) < 0) {
            return err->code;
        }
        testbed = alone;
    }
    /* What cannot be removed now does not keep this run from starting. */
    if (ledger_clean(&n_runs, &left) < 0) {
        site_note(site, memory_format(SITE_LEFT "%s", left.text));
    }
    copy_devices(site, testbed);
    return begin(site, err);
}

int site_find_device(const struct site *site, const char *name, size_t *ret_index,
                     struct error *err)
{
    for (size_t i = 0; i < site->n_devices; i++) {
        if (strcmp(site->devices[i].name, name) == 0) {
            *ret_index = i;
            return 0;
        }
    }
    return error_set(err, -ENOENT, "there is no device '%s'", name);
}

void site_finish(struct site *site)
{
    end(site);
    for (size_t i = 0; i < site->n_devices; i++) {
        device_finish(&site->devices[i]);
    }
    memory_free(&site->devices);
    memory_free(&site->cpus);
    memory_free(&site->note);
    memory_free(&site->folder);
}
