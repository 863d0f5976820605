/* The docker fabric: stages are containers of an engine on this machine. docker.h says what is
 * where, docker_stage.c how a container lives. */
#include "fabric/docker.h"

#include <errno.h>

#include "base/error.h"

static struct docker *docker_of(struct fabric *fabric)
{
    return (struct docker *)fabric;
}

static size_t docker_devices(struct fabric *fabric, const struct fabric_device **ret_devices)
{
    *ret_devices = docker_of(fabric)->site.devices;
    return docker_of(fabric)->site.n_devices;
}

static const char *docker_controller_address(struct fabric *fabric)
{
    return docker_of(fabric)->controller;
}

static const char *docker_folder(struct fabric *fabric)
{
    return docker_of(fabric)->site.folder;
}

static const char *docker_said(struct fabric *fabric)
{
    return docker_of(fabric)->site.note;
}

static int docker_start(struct fabric *fabric, const struct fabric_start *what,
                        fabric_done_fn done, void *owner, struct error *err)
{
    struct docker *docker = docker_of(fabric);
    struct docker_stage *old = docker_stage_find(docker, what->stage);
    size_t device = 0;

    if (old != NULL && (old->stopping || old->failed)) {
        return error_set(err, -EAGAIN, "stage '%s' is still ending", what->stage);
    }
    if (old != NULL && old->phase < DOCKER_RUNNING) {
        later_wait(&old->starters, done, owner);
        return 0;
    }
    if (old != NULL) {
        later_call(docker->later, done, owner, NULL);
        return 0;
    }
    if (site_find_device(&docker->site, what->device, &device, err) < 0) {
        return err->code;
    }
    return docker_stage_begin(docker, what, device, done, owner, err);
}

static int docker_stop(struct fabric *fabric, const char *name, fabric_done_fn done,
                       void *owner, struct error *err)
{
    (void)err;
    struct docker *docker = docker_of(fabric);
    struct docker_stage *stage = docker_stage_find(docker, name);

    if (stage == NULL) {
        later_call(docker->later, done, owner, NULL);
    } else {
        docker_stage_stop(stage, done, owner);
    }
    return 0;
}

static int docker_list(struct fabric *fabric, fabric_seen_fn seen, void *owner,
                       struct error *err)
{
    (void)err;
    struct docker *docker = docker_of(fabric);

    for (const struct docker_stage *stage = docker->stages; stage != NULL;
         stage = stage->next) {
        if (!stage->stopping && !stage->failed) {
            seen(owner, stage->name, docker->site.devices[stage->device].name);
        }
    }
    return 0;
}

static int docker_usage(struct fabric *fabric, const char *device,
                        struct fabric_usage *ret_usage, struct error *err)
{
    struct docker *docker = docker_of(fabric);
    size_t index = 0;

    if (site_find_device(&docker->site, device, &index, err) < 0) {
        return err->code;
    }
    return docker_usage_read(docker, index, ret_usage, err);
}

static void docker_close(struct fabric *fabric)
{
    docker_destroy(docker_of(fabric));
}

const struct fabric_ops docker_ops = {
    .name = "docker",
    .exposed = true,
    .devices = docker_devices,
    .controller_address = docker_controller_address,
    .folder = docker_folder,
    .note = docker_said,
    .start = docker_start,
    .stop = docker_stop,
    .list = docker_list,
    .usage = docker_usage,
    .close = docker_close,
};
