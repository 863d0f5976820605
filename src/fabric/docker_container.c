#include "fabric/docker_container.h"

#include <ctype.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "fabric/docker_engine.h"
#include "fabric/ending.h"
#include "fabric/fabric.h"

#define PROCESSES_MOST 512
#define MEMORY_LEAST   ((uint64_t)6 << 20) /* the engine takes no less */

static json_t *describe_mounts(const struct docker_container *container)
{
    json_t *list = json_array();

    for (size_t i = 0; i < container->n_mounts; i++) {
        const struct fabric_mount *mount = &container->mounts[i];
        json_array_append_new(list, json_pack("{ss ss ss sb}", "Type", "bind", "Source",
                                              mount->path, "Target", mount->path, "ReadOnly",
                                              (int)!mount->writable));
    }
    return list;
}

static json_t *describe_host(const struct docker_container *container)
{
    json_t *host = json_pack("{so sb s[s] s[s] si s{ss} s{ss} s{ss s{ss ss}} ss}", "Mounts",
                             describe_mounts(container), "ReadonlyRootfs", 1, "CapDrop", "ALL",
                             "SecurityOpt", "no-new-privileges", "PidsLimit", PROCESSES_MOST,
                             "RestartPolicy", "Name", "no", "Tmpfs", "/tmp",
                             "rw,noexec,nosuid,nodev,size=64m,mode=1777", "LogConfig", "Type",
                             "json-file", "Config", "max-size", "1m", "max-file", "2",
                             "NetworkMode", container->network);

    if (container->group != NULL) {
        json_object_set_new(host, "CgroupParent", json_string(container->group));
    }
    if (container->cpu >= 0) {
        cleanup(memory_free) char *cpu = memory_format("%d", container->cpu);
        json_object_set_new(host, "CpusetCpus", json_string(cpu));
    }
    if (container->memory > 0) {
        uint64_t memory = container->memory < MEMORY_LEAST ? MEMORY_LEAST : container->memory;
        json_object_set_new(host, "Memory", json_integer((json_int_t)memory));
        json_object_set_new(host, "MemorySwap", json_integer((json_int_t)memory));
    }
    return host;
}

/* Where the mounts have what stages look for. */
static json_t *describe_environment(const struct docker_container *container)
{
    const char *const names[] = {"BRUME_CACHE", "BRUME_OPERATORS"};
    const char *const values[] = {container->cache, container->operators};
    json_t *list = json_array();

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        if (values[i] != NULL) {
            cleanup(memory_free) char *text = memory_format("%s=%s", names[i], values[i]);
            json_array_append_new(list, json_string(text));
        }
    }
    return list;
}

static json_t *describe_labels(const struct docker_container *container)
{
    json_t *labels = json_pack("{ss ss}", DOCKER_LABEL_RUN, container->run, "brume.device",
                               container->device);

    if (container->application != NULL) {
        json_object_set_new(labels, "brume.application", json_string(container->application));
    }
    if (container->stage != NULL) {
        json_object_set_new(labels, "brume.stage", json_string(container->stage));
    }
    return labels;
}

json_t *docker_container_describe(const struct docker_container *container)
{
    bool is_stage = container->stage != NULL;
    cleanup(memory_free) char *user =
        memory_format("%u:%u", (unsigned)container->user, (unsigned)container->user_group);
    json_t *words = is_stage ? json_pack("[ssss]", "--name", container->stage, "--controller",
                                         container->controller)
                             : json_pack("[s]", "--idle");

    return json_pack("{ss s[s] so so ss sb sb sb sb sb so so}", "Image", container->image,
                     "Entrypoint", "brume-stage", "Cmd", words, "Env",
                     describe_environment(container), "User", user, "OpenStdin", (int)is_stage,
                     "StdinOnce", (int)is_stage, "AttachStdin", (int)is_stage, "AttachStdout",
                     0, "AttachStderr", 0, "Labels", describe_labels(container), "HostConfig",
                     describe_host(container));
}

char *docker_container_name(const struct docker_container *container)
{
    const char *application =
        container->application != NULL ? container->application : "application";
    char *name = memory_format("brume-%s-%s-%s", application,
                               container->stage != NULL ? container->stage : container->device,
                               container->run);

    for (char *at = name; *at != '\0'; at++) {
        *at = isalnum((unsigned char)*at) || strchr("_.-", *at) != NULL ? *at : '-';
    }
    return name;
}

void docker_container_judge(const json_t *inspected, struct docker_end *ret_end)
{
    const json_t *state = json_object_get(inspected, "State");
    json_int_t code = json_integer_value(json_object_get(state, "ExitCode"));
    const char *why = json_string_value(json_object_get(state, "Error"));

    memset(ret_end, 0, sizeof(*ret_end));
    ret_end->runs = json_is_true(json_object_get(state, "Running"));
    ret_end->starved = json_is_true(json_object_get(state, "OOMKilled"));
    int number = ending_describe(code, ret_end->how, sizeof(ret_end->how));
    ret_end->killed = number == SIGKILL;
    if (number == 0 && why != NULL && *why != '\0') {
        snprintf(ret_end->how, sizeof(ret_end->how), "did not run: %s", why);
    }
}
