/* The local fabric: stages are processes of this machine, on emulated devices where that is
 * possible and asked for.
 *
 * Life of a stage: start launches it and enters it in the ledger; its pidfd tells the loop when
 * it ends; then either those who asked for its end are called, or the owner hears that it is
 * gone. Everything that outlives a crash is in the ledger; site.h says how that is kept.
 */
#include "fabric/local.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/quantity.h"
#include "fabric/launch.h"
#include "fabric/process.h"

static struct local *local_of(struct fabric *fabric)
{
    return (struct local *)fabric;
}

static struct local_stage *find_stage(struct local *local, const char *name)
{
    struct local_stage *stage = local->stages;

    while (stage != NULL && strcmp(stage->name, name) != 0) {
        stage = stage->next;
    }
    return stage;
}

static void release_stage(uv_handle_t *handle)
{
    struct local_stage *stage = handle->data;

    memory_free(&stage->name);
    later_forget_all(&stage->waiters);
    free(stage);
}

/* Takes an ended stage off the list; its memory goes when the loop runs next. */
static void forget(struct local *local, struct local_stage *stage)
{
    struct local_stage **at = &local->stages;

    while (*at != stage) {
        at = &(*at)->next;
    }
    *at = stage->next;
    uv_poll_stop(&stage->watch);
    close(stage->pidfd);
    uv_close((uv_handle_t *)&stage->watch, release_stage);
}

/* Whether it was the device's memory limit; then `how` says so. */
static bool describe_memory_kill(struct local *local, size_t index, char *how, size_t size)
{
    const struct fabric_device *device = &local->site.devices[index];
    struct cgroup_usage usage = {0};

    cgroup_read(&local->emulation.groups[index], &usage);
    bool starved = usage.memory_kills > local->memory_kills[index];
    if (starved && device->memory > 0) {
        char memory[QUANTITY_MEMORY_TEXT];
        snprintf(how, size, "killed by the memory limit of %s (%s)", device->name,
                 quantity_memory_text(device->memory, memory));
    } else if (starved) {
        snprintf(how, size, "killed because this machine has no memory left");
    }
    local->memory_kills[index] = usage.memory_kills;
    return starved && device->memory > 0;
}

static void on_end(uv_poll_t *watch, int status, int events)
{
    (void)status;
    (void)events;
    struct local_stage *stage = watch->data;
    struct local *local = stage->local;
    uint64_t cpu_ns, memory;
    char how[128];
    bool starved = false;

    process_usage(stage->pid, &cpu_ns, &memory);
    local->past_cpu_ns[stage->device] += cpu_ns;
    if (launch_reap(stage->pid, how, sizeof(how)) == SIGKILL && local->emulated) {
        starved = describe_memory_kill(local, stage->device, how, sizeof(how));
    }
    forget(local, stage);
    if (stage->stopping) {
        later_call_all(local->later, &stage->waiters, NULL);
    } else if (local->events.gone != NULL) {
        local->events.gone(local->events.owner, stage->name, how, starved);
    }
}

static int run_stage(struct local *local, struct local_stage *stage,
                     const struct fabric_start *what, struct error *err)
{
    char *argv[] = {local->program,         (char *)"--name",         (char *)what->stage,
                    (char *)"--controller", (char *)what->controller, NULL};
    char *doors[CGROUP_N] = {NULL};
    struct launch launch = {.program = local->program,
                            .argv = argv,
                            .credentials = what->credentials,
                            .namespace = -1,
                            .cpu = -1};

    if (local->emulated) {
        launch.n_doors = cgroup_doors(&local->emulation.groups[stage->device], doors);
        launch.doors = doors;
        launch.cpu = local->site.cpus[stage->device];
        launch.namespace = local->emulation.network.devices[stage->device].namespace;
    }
    int result = launch_start(&launch, &stage->pid, &stage->pidfd, err);
    for (unsigned i = 0; i < CGROUP_N; i++) {
        memory_free(&doors[i]);
    }
    return result;
}

static int local_start(struct fabric *fabric, const struct fabric_start *what,
                       fabric_done_fn done, void *owner, struct error *err)
{
    struct local *local = local_of(fabric);
    const struct local_stage *old = find_stage(local, what->stage);
    size_t device = 0;

    if (old != NULL && old->stopping) {
        return error_set(err, -EAGAIN, "stage '%s' is still ending", what->stage);
    }
    if (old != NULL) {
        later_call(local->later, done, owner, NULL);
        return 0;
    }
    if (site_find_device(&local->site, what->device, &device, err) < 0) {
        return err->code;
    }
    struct local_stage *stage = memory_new(1, sizeof(*stage));
    *stage = (struct local_stage){.local = local, .device = device};
    if (run_stage(local, stage, what, err) < 0) {
        free(stage);
        return error_wrap(err, "stage '%s'", what->stage);
    }
    stage->name = memory_text(what->stage);
    stage->watch.data = stage;
    stage->next = local->stages;
    local->stages = stage;
    uv_poll_init(local->site.loop, &stage->watch, stage->pidfd);
    uv_poll_start(&stage->watch, UV_READABLE, on_end);
    if (ledger_write_process(&local->site.ledger, LEDGER_PROCESS, stage->pid, err) < 0) {
        stage->stopping = true;
        kill(stage->pid, SIGKILL);
        return err->code;
    }
    later_call(local->later, done, owner, NULL);
    return 0;
}

static int local_stop(struct fabric *fabric, const char *name, fabric_done_fn done, void *owner,
                      struct error *err)
{
    (void)err;
    struct local *local = local_of(fabric);
    struct local_stage *stage = find_stage(local, name);

    if (stage == NULL) {
        later_call(local->later, done, owner, NULL);
        return 0;
    }
    later_wait(&stage->waiters, done, owner);
    stage->stopping = true;
    kill(stage->pid, SIGKILL);
    return 0;
}

static int local_list(struct fabric *fabric, fabric_seen_fn seen, void *owner,
                      struct error *err)
{
    (void)err;
    struct local *local = local_of(fabric);

    for (const struct local_stage *stage = local->stages; stage != NULL; stage = stage->next) {
        if (!stage->stopping) {
            seen(owner, stage->name, local->site.devices[stage->device].name);
        }
    }
    return 0;
}

static int local_usage(struct fabric *fabric, const char *device,
                       struct fabric_usage *ret_usage, struct error *err)
{
    struct local *local = local_of(fabric);
    struct fabric_usage usage = {0};
    size_t index = 0;

    if (site_find_device(&local->site, device, &index, err) < 0) {
        return err->code;
    }
    if (local->emulated) {
        struct cgroup_usage used = {0};
        cgroup_read(&local->emulation.groups[index], &used);
        usage.cpu_ns = used.cpu_ns;
        usage.memory = used.memory;
        if (network_read(&local->emulation.network, index, &usage.sent, &usage.received, err) <
            0) {
            return err->code;
        }
    } else {
        usage.cpu_ns = local->past_cpu_ns[index];
        for (const struct local_stage *stage = local->stages; stage != NULL;
             stage = stage->next) {
            uint64_t cpu_ns, memory;
            if (stage->device == index) {
                process_usage(stage->pid, &cpu_ns, &memory);
                usage.cpu_ns += cpu_ns;
                usage.memory += memory;
            }
        }
    }
    *ret_usage = usage;
    return 0;
}

static size_t local_devices(struct fabric *fabric, const struct fabric_device **ret_devices)
{
    *ret_devices = local_of(fabric)->site.devices;
    return local_of(fabric)->site.n_devices;
}

static const char *local_controller_address(struct fabric *fabric)
{
    const struct local *local = local_of(fabric);

    return local->emulated ? local->emulation.network.controller : "127.0.0.1";
}

static const char *local_folder(struct fabric *fabric)
{
    return local_of(fabric)->site.folder;
}

static const char *local_note(struct fabric *fabric)
{
    return local_of(fabric)->site.note;
}

static void local_close(struct fabric *fabric)
{
    struct local *local = local_of(fabric);
    char how[128];

    for (struct local_stage *stage = local->stages; stage != NULL; stage = stage->next) {
        kill(stage->pid, SIGKILL);
    }
    while (local->stages != NULL) {
        (void)launch_reap(local->stages->pid, how, sizeof(how));
        forget(local, local->stages);
    }
    local_destroy(local);
}

const struct fabric_ops local_ops = {
    .name = "local",
    .devices = local_devices,
    .controller_address = local_controller_address,
    .folder = local_folder,
    .note = local_note,
    .start = local_start,
    .stop = local_stop,
    .list = local_list,
    .usage = local_usage,
    .close = local_close,
};
