/* Emulated devices of containers: the same control groups and links as those of processes, so
 * that both can be compared.
 *
 * All containers of a device share its link, so the device's network namespace belongs to a
 * small container, the holder, which the others join; the engine gives it no network, and the
 * emulation attaches its switch to it. Control groups are made below the root, where the engine
 * makes its own, and given to containers as their parent.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "fabric/docker.h"
#include "fabric/images.h"
#include "fabric/testbed.h"

#define PROC_MOST 65536
#define PLAIN     "devices are not emulated, they are containers of this machine: "

static json_t *describe_holder(struct docker *docker, size_t index, char **ret_name,
                               char **ret_image)
{
    cleanup(memory_free) char *group =
        memory_format("/brume-%s/%zu", docker->site.ledger.run, index + 1);
    cleanup(memory_free) char *image = images_name("base");
    const struct docker_container container = {
        .run = docker->site.ledger.run,
        .application = docker->application,
        .device = docker->site.devices[index].name,
        .image = image,
        .network = "none",
        .group = group,
        .cpu = -1,
        .user = docker->user,
        .user_group = docker->user_group,
    };

    *ret_name = docker_container_name(&container);
    json_t *body = docker_container_describe(&container);
    *ret_image = STEAL(image);
    return body;
}

static int create_holder(struct docker *docker, size_t index, struct error *err)
{
    cleanup(memory_free) char *name = NULL;
    cleanup(memory_free) char *image = NULL;
    json_t *answer = NULL, *body = describe_holder(docker, index, &name, &image);
    cleanup(memory_free) char *path = memory_format("/containers/create?name=%s", name);

    int r = docker_engine_ask(&docker->engine, "POST", path, body, &answer, err);
    if (r == -ENOENT && strcasestr(err->text, "no such image") != NULL) {
        return docker_engine_lacks(&docker->engine, image, err);
    }
    if (r < 0) {
        return r;
    }
    docker->holders[index].id = memory_text(json_string_value(json_object_get(answer, "Id")));
    json_decref(answer);
    return docker->holders[index].id != NULL
               ? 0
               : error_set(err, -EPROTO, "%s made a container without an id",
                           docker->engine.name);
}

/* Whether the process is one of this machine's and where it should be; else the engine has
 * another machine's. */
static int check_holder(const struct docker *docker, size_t index, struct error *err)
{
    cleanup(memory_free) char *path =
        memory_format("/proc/%d/cgroup", (int)docker->holders[index].pid);
    cleanup(memory_free) char *wanted =
        memory_format(":/brume-%s/%zu/", docker->site.ledger.run, index + 1);
    cleanup(memory_free) char *text = NULL;
    size_t size;

    if (docker->holders[index].pid <= 0 ||
        file_read(path, PROC_MOST, (void **)&text, &size, err) < 0 ||
        strstr(text, wanted) == NULL) {
        return error_set(err, -ENOTSUP, "%s does not run on this machine", docker->engine.name);
    }
    return 0;
}

static int start_holder(struct docker *docker, size_t index, struct error *err)
{
    json_t *answer = NULL;

    if (create_holder(docker, index, err) < 0) {
        return err->code;
    }
    cleanup(memory_free) char *start =
        memory_format("/containers/%s/start", docker->holders[index].id);
    cleanup(memory_free) char *look =
        memory_format("/containers/%s/json", docker->holders[index].id);
    if (docker_engine_ask(&docker->engine, "POST", start, NULL, NULL, err) < 0 ||
        docker_engine_ask(&docker->engine, "GET", look, NULL, &answer, err) < 0) {
        return err->code;
    }
    json_t *pid = json_object_get(json_object_get(answer, "State"), "Pid");
    docker->holders[index].pid = (pid_t)json_integer_value(pid);
    json_decref(answer);
    return check_holder(docker, index, err);
}

static int make(struct docker *docker, struct error *err)
{
    struct site *site = &docker->site;
    cleanup(cgroup_finish) struct cgroup root = {0};
    cleanup(memory_free) pid_t *pids = memory_new(site->n_devices, sizeof(*pids));

    if (cgroup_find_root(&root, err) < 0 || cgroup_enter_everywhere(&site->ledger, err) < 0 ||
        emulation_make_groups(&site->ledger, &root, site->n_devices, site->devices,
                              &docker->emulation, err) < 0) {
        return err->code;
    }
    docker->holders = memory_new(site->n_devices, sizeof(*docker->holders));
    for (size_t i = 0; i < site->n_devices; i++) {
        if (start_holder(docker, i, err) < 0) {
            return err->code;
        }
        pids[i] = docker->holders[i].pid;
    }
    return emulation_make_network(&site->ledger, pids, site->n_devices, site->devices,
                                  &docker->emulation, err);
}

static const char *obstacle(const struct docker *docker)
{
    if (geteuid() != 0) {
        return "that needs root";
    }
    if (docker->engine.driver == NULL || strcmp(docker->engine.driver, "cgroupfs") != 0) {
        return "the engine leaves control groups to systemd: set \"exec-opts\": "
               "[\"native.cgroupdriver=cgroupfs\"] in /etc/docker/daemon.json";
    }
    return NULL;
}

static int begin_again(struct docker *docker, struct error *err)
{
    emulation_finish(&docker->emulation);
    for (size_t i = 0; docker->holders != NULL && i < docker->site.n_devices; i++) {
        memory_free(&docker->holders[i].id);
    }
    memory_free(&docker->holders);
    int r = site_begin_again(&docker->site, err);
    return r < 0 ? r : docker_enter(docker, err);
}

/* As for processes: where this machine emulates devices, but not these, what was asked for was
 * wrong; else there is a note. */
static int give_up(struct docker *docker, struct error *err)
{
    struct error why = *err;

    if (begin_again(docker, err) < 0) {
        return err->code;
    }
    if (emulation_try(&docker->site.ledger)) {
        return error_set(err, -EINVAL, "the devices cannot be emulated as they are: %s",
                         why.text);
    }
    site_note(&docker->site, memory_format(PLAIN "%s", why.text));
    return begin_again(docker, err);
}

int docker_emulate(struct docker *docker, const struct testbed *testbed, struct error *err)
{
    const char *why = obstacle(docker);

    if (why != NULL) {
        site_note(&docker->site, memory_format(PLAIN "%s", why));
        return 0;
    }
    if (make(docker, err) < 0) {
        return err->code == -ENOPKG ? err->code : give_up(docker, err);
    }
    docker->emulated = true;
    docker->controller = memory_text(docker->emulation.network.controller);
    site_choose_cpus(&docker->site);
    site_note_limits(&docker->site, testbed);
    return 0;
}
