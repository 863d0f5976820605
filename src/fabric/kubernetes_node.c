#include "fabric/kubernetes_node.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/quantity.h"
#include "fabric/device.h"
#include "fabric/kubernetes_object.h"

#define CONTROL_PLANE "node-role.kubernetes.io/"

static double amount(const json_t *amounts, const char *key)
{
    const json_t *value = json_object_get(amounts, key);
    double number = json_number_value(value);

    if (json_is_string(value)) {
        (void)quantity_amount(json_string_value(value), &number);
    }
    return number > 0 ? number : 0;
}

static struct kubernetes_room room_of(const json_t *amounts)
{
    double memory = amount(amounts, "memory");

    return (struct kubernetes_room){.cores = amount(amounts, "cpu"),
                                    .memory = memory < (double)INT64_MAX ? (uint64_t)memory
                                                                         : INT64_MAX};
}

static void add(struct kubernetes_room *sum, const struct kubernetes_room *more)
{
    sum->cores += more->cores;
    sum->memory += more->memory;
}

static void raise_to(struct kubernetes_room *room, const struct kubernetes_room *least)
{
    room->cores = room->cores > least->cores ? room->cores : least->cores;
    room->memory = room->memory > least->memory ? room->memory : least->memory;
}

struct kubernetes_room kubernetes_pod_room(const json_t *pod)
{
    const char *phase = kubernetes_text(pod, "status", "phase");
    struct kubernetes_room together = {0}, first = {0};
    const json_t *container;
    size_t i;

    if (kubernetes_is(phase, "Succeeded") || kubernetes_is(phase, "Failed")) {
        return together;
    }
    json_array_foreach(kubernetes_part(pod, "spec", "containers"), i, container)
    {
        struct kubernetes_room room =
            room_of(kubernetes_part(container, "resources", "requests"));
        add(&together, &room);
    }
    json_array_foreach(kubernetes_part(pod, "spec", "initContainers"), i, container)
    {
        struct kubernetes_room room =
            room_of(kubernetes_part(container, "resources", "requests"));
        if (kubernetes_is(json_string_value(json_object_get(container, "restartPolicy")),
                          "Always")) { /* it stays beside the others */
            add(&together, &room);
        } else {
            raise_to(&first, &room);
        }
    }
    raise_to(&together, &first);
    struct kubernetes_room overhead = room_of(kubernetes_part(pod, "spec", "overhead"));
    add(&together, &overhead);
    return together;
}

struct kubernetes_room kubernetes_node_room(const json_t *node)
{
    return room_of(kubernetes_part(node, "status", "allocatable"));
}

struct kubernetes_room kubernetes_room_left(const struct kubernetes_room *room,
                                            const struct kubernetes_room *taken)
{
    return (struct kubernetes_room){
        .cores = room->cores > taken->cores ? room->cores - taken->cores : 0,
        .memory = room->memory > taken->memory ? room->memory - taken->memory : 0};
}

static const json_t *find_condition(const json_t *node, const char *type)
{
    const json_t *condition;
    size_t i;

    json_array_foreach(kubernetes_part(node, "status", "conditions"), i, condition)
    {
        if (kubernetes_is(json_string_value(json_object_get(condition, "type")), type)) {
            return condition;
        }
    }
    return NULL;
}

static bool is_ready(const json_t *node, char *ret_why)
{
    const json_t *ready = find_condition(node, "Ready");
    const char *message = json_string_value(json_object_get(ready, "message"));

    if (kubernetes_is(json_string_value(json_object_get(ready, "status")), "True")) {
        return true;
    }
    if (message == NULL || *message == '\0') {
        snprintf(ret_why, KUBERNETES_WHY, "is not ready");
        return false;
    }
    size_t n = strlen(message);
    snprintf(ret_why, KUBERNETES_WHY, "is not ready: %.*s",
             (int)(message[n - 1] == '.' ? n - 1 : n), message);
    return false;
}

bool kubernetes_node_is_heard(const json_t *node)
{
    char why[KUBERNETES_WHY];

    return is_ready(node, why);
}

/* What our pods tolerate for a few seconds comes and goes with the Ready condition. */
static bool is_tolerated(const char *key, const char *effect)
{
    return kubernetes_is(effect, "NoExecute") &&
           (kubernetes_is(key, "node.kubernetes.io/not-ready") ||
            kubernetes_is(key, "node.kubernetes.io/unreachable"));
}

static bool is_tainted(const json_t *node, char *ret_why)
{
    const json_t *taint;
    size_t i;

    json_array_foreach(kubernetes_part(node, "spec", "taints"), i, taint)
    {
        const char *key = json_string_value(json_object_get(taint, "key"));
        const char *effect = json_string_value(json_object_get(taint, "effect"));

        if (key == NULL || effect == NULL || strcmp(effect, "PreferNoSchedule") == 0 ||
            is_tolerated(key, effect)) {
            continue;
        }
        bool control = strncmp(key, CONTROL_PLANE, strlen(CONTROL_PLANE)) == 0;
        snprintf(ret_why, KUBERNETES_WHY, "has the taint %s:%s%s", key, effect,
                 control ? ", as one of the control plane" : "");
        return true;
    }
    return false;
}

bool kubernetes_node_is_usable(const json_t *node, char ret_why[KUBERNETES_WHY])
{
    const char *name = kubernetes_text(node, "metadata", "name");
    const char *system = kubernetes_label(node, "kubernetes.io/os");

    if (kubernetes_text(node, "metadata", "deletionTimestamp") != NULL) {
        snprintf(ret_why, KUBERNETES_WHY, "is being removed from the cluster");
        return false;
    }
    if (system != NULL && strcmp(system, "linux") != 0) {
        snprintf(ret_why, KUBERNETES_WHY, "runs %s, not Linux", system);
        return false;
    }
    if (!is_ready(node, ret_why)) {
        return false;
    }
    if (json_is_true(kubernetes_part(node, "spec", "unschedulable"))) {
        snprintf(ret_why, KUBERNETES_WHY, "is cordoned: kubectl uncordon %s",
                 name != NULL ? name : "");
        return false;
    }
    return !is_tainted(node, ret_why);
}

/* Many distributions call all their nodes the same, whatever they run on. */
static char *describe_type(const json_t *node)
{
    const char *given = kubernetes_label(node, "brume.dev/type");
    const char *instance = kubernetes_label(node, "node.kubernetes.io/instance-type");
    const char *machine = kubernetes_label(node, "kubernetes.io/arch");
    const json_t *capacity = kubernetes_part(node, "status", "capacity");

    if (given != NULL && *given != '\0') {
        return memory_text(given);
    }
    if (machine == NULL) {
        machine = json_string_value(
            json_object_get(kubernetes_part(node, "status", "nodeInfo"), "architecture"));
    }
    return memory_format("%s%s%s-%g", instance != NULL ? instance : "",
                         instance != NULL ? "-" : "", machine != NULL ? machine : "unknown",
                         amount(capacity, "cpu"));
}

static char *find_address(const json_t *node)
{
    const json_t *address;
    size_t i;

    json_array_foreach(kubernetes_part(node, "status", "addresses"), i, address)
    {
        if (kubernetes_is(json_string_value(json_object_get(address, "type")), "InternalIP")) {
            return memory_text(json_string_value(json_object_get(address, "address")));
        }
    }
    return NULL;
}

static void give_all(struct fabric_device *device, const char *words)
{
    cleanup(memory_free) char *copy = memory_text(words);
    char *rest = copy, *word;

    while ((word = strsep(&rest, "_")) != NULL) {
        if (*word != '\0') {
            device_give(device, word);
        }
    }
}

/* A label can have no slash: "100M" and "100Mbit" are 100Mbit/s. */
static char *read_link(const char *name, const char *label, double *ret_rate)
{
    size_t n = strlen(label);
    bool said = n > 3 && strcmp(label + n - 3, "bit") == 0;
    cleanup(memory_free) char *text = memory_format("%s%s", label, said ? "/s" : "bit/s");

    if (quantity_link_rate(text, ret_rate) == 0) {
        return NULL;
    }
    return memory_format("%s: its label brume.dev/link is '%s', which is no rate such as 100M: "
                         "its link counts as unlimited",
                         name, label);
}

void kubernetes_node_describe(const json_t *node, const struct kubernetes_room *taken,
                              struct fabric_device *ret_device, char **ret_note)
{
    const char *name = kubernetes_text(node, "metadata", "name");
    const char *has = kubernetes_label(node, "brume.dev/has");
    const char *link = kubernetes_label(node, "brume.dev/link");
    struct kubernetes_room whole = kubernetes_node_room(node);
    struct kubernetes_room room = kubernetes_room_left(&whole, taken);

    *ret_device = (struct fabric_device){.name = memory_text(name != NULL ? name : ""),
                                         .type = describe_type(node),
                                         .cores = room.cores,
                                         .memory = room.memory,
                                         .address = find_address(node)};
    if (has != NULL) {
        give_all(ret_device, has);
    }
    *ret_note = link == NULL ? NULL : read_link(ret_device->name, link, &ret_device->link_rate);
}
