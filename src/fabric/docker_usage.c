/* What devices use. Emulated ones have a control group and a link that tell. Else the engine
 * tells of each container, once a second; the last it told counts, and what containers that
 * ended used is added up.
 */
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "fabric/docker.h"

static uint64_t number(const json_t *json, const char *key)
{
    json_int_t value = json_integer_value(json_object_get(json, key));

    return value > 0 ? (uint64_t)value : 0;
}

static void on_line(void *owner, const char *line)
{
    struct docker_stage *stage = owner;
    json_t *json = json_loads(line, 0, NULL), *network;
    const json_t *memory = json_object_get(json, "memory_stats");
    const json_t *parts = json_object_get(memory, "stats");
    const char *first = json_object_get(parts, "total_inactive_file") != NULL
                            ? "total_inactive_file" /* cgroup 1 */
                            : "inactive_file";
    uint64_t held = number(memory, "usage"), droppable = number(parts, first);
    struct fabric_usage usage = {
        .cpu_ns = number(json_object_get(json_object_get(json, "cpu_stats"), "cpu_usage"),
                         "total_usage"),
        .memory = held > droppable ? held - droppable : 0,
    };
    const char *name;

    json_object_foreach(json_object_get(json, "networks"), name, network)
    {
        usage.sent += number(network, "tx_bytes");
        usage.received += number(network, "rx_bytes");
    }
    json_decref(json);
    /* The last word on a container that ended is nothing but zeros. */
    if (usage.cpu_ns >= stage->usage.cpu_ns) {
        stage->usage = usage;
    }
}

static void on_end(void *owner, const struct http_answer *answer, const struct error *err)
{
    struct docker_stage *stage = owner;

    (void)answer;
    (void)err;
    stage->stats = NULL;
}

void docker_usage_follow(struct docker_stage *stage)
{
    static const struct http_listener listener = {.line = on_line, .done = on_end};
    cleanup(memory_free) char *path = memory_format("/containers/%s/stats?stream=1", stage->id);
    const struct http_request request = {.path = path};

    if (!stage->docker->emulated) {
        stage->stats = http_follow(stage->docker->http, &request, &listener, stage);
    }
}

static void add(struct fabric_usage *sum, const struct fabric_usage *more)
{
    sum->cpu_ns += more->cpu_ns;
    sum->memory += more->memory;
    sum->sent += more->sent;
    sum->received += more->received;
}

void docker_usage_end(struct docker_stage *stage)
{
    http_forget(stage->docker->http, STEAL(stage->stats));
    stage->usage.memory = 0;
    add(&stage->docker->past[stage->device], &stage->usage);
    stage->usage = (struct fabric_usage){0};
}

int docker_usage_read(struct docker *docker, size_t device, struct fabric_usage *ret_usage,
                      struct error *err)
{
    struct fabric_usage usage = docker->past[device];

    if (docker->emulated) {
        struct cgroup_usage used = {0};
        cgroup_read(&docker->emulation.groups[device], &used);
        usage = (struct fabric_usage){.cpu_ns = used.cpu_ns, .memory = used.memory};
        if (network_read(&docker->emulation.network, device, &usage.sent, &usage.received,
                         err) < 0) {
            return err->code;
        }
    }
    for (const struct docker_stage *stage = docker->stages; stage != NULL && !docker->emulated;
         stage = stage->next) {
        if (stage->device == device) {
            add(&usage, &stage->usage);
        }
    }
    *ret_usage = usage;
    return 0;
}
