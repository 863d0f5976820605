#include "fabric/kubernetes_devices.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/quantity.h"
#include "fabric/device.h"
#include "fabric/kubernetes_node.h"
#include "fabric/kubernetes_object.h"

#define DEVICES_MOST 200

struct candidate {
    const json_t *node;
    const char *name;
    struct kubernetes_room taken;
    bool ours; /* pods of the run are on it */
};

/* Takes `more`, and puts it behind what there is. */
static void add_note(char **note, char *more)
{
    char *both = *note == NULL ? more : memory_format("%s; %s", *note, more);

    if (both != more) {
        memory_free(&more);
        memory_free(note);
    }
    *note = both;
}

static int compare(const void *a, const void *b)
{
    return strverscmp(((const struct candidate *)a)->name, ((const struct candidate *)b)->name);
}

static struct candidate *list_candidates(const json_t *nodes, size_t *ret_n)
{
    struct candidate *list = memory_new(json_array_size(nodes) + 1, sizeof(*list));
    const json_t *node;
    size_t i, n = 0;

    json_array_foreach(nodes, i, node)
    {
        const char *name = kubernetes_text(node, "metadata", "name");
        if (name != NULL && *name != '\0') {
            list[n++] = (struct candidate){.node = node, .name = name};
        }
    }
    qsort(list, n, sizeof(*list), compare);
    *ret_n = n;
    return list;
}

static void take(const struct kubernetes_choice *choice, struct candidate *list, size_t n)
{
    const json_t *pod;
    size_t i;

    json_array_foreach(choice->pods, i, pod)
    {
        const struct candidate key = {.name = kubernetes_text(pod, "spec", "nodeName")};
        struct candidate *found =
            key.name == NULL ? NULL : bsearch(&key, list, n, sizeof(*list), compare);
        if (found == NULL) {
            continue;
        }
        if (kubernetes_is(kubernetes_label(pod, KUBERNETES_RUN), choice->run) &&
            kubernetes_is(kubernetes_text(pod, "metadata", "namespace"), choice->space)) {
            found->ours = true;
            continue;
        }
        struct kubernetes_room more = kubernetes_pod_room(pod);
        found->taken.cores += more.cores;
        found->taken.memory += more.memory;
    }
}

static bool has_room(const struct fabric_device *device, char **note)
{
    char memory[QUANTITY_MEMORY_TEXT];

    if (device->cores >= KUBERNETES_CORES_LEAST && device->memory >= KUBERNETES_MEMORY_LEAST) {
        return true;
    }
    add_note(note,
             memory_format("%s is left out: other pods have left %g cores and %s of it",
                           device->name, device->cores,
                           quantity_memory_text(device->memory & ~(uint64_t)0xfffff, memory)));
    return false;
}

/* Whether it is one. */
static bool choose(const struct candidate *candidate, struct fabric_device *ret_device,
                   char **note)
{
    char why[KUBERNETES_WHY];
    char *odd = NULL;

    if (!candidate->ours && !kubernetes_node_is_usable(candidate->node, why)) {
        add_note(note, memory_format("%s is left out: it %s", candidate->name, why));
        return false;
    }
    kubernetes_node_describe(candidate->node, &candidate->taken, ret_device, &odd);
    if (odd != NULL) {
        add_note(note, odd);
    }
    if (candidate->ours || has_room(ret_device, note)) {
        return true;
    }
    device_finish(ret_device);
    return false;
}

int kubernetes_choose(const struct kubernetes_choice *choice, size_t *ret_n,
                      struct fabric_device **ret_devices, char **ret_note, struct error *err)
{
    size_t n_nodes = 0, n = 0;
    cleanup(memory_free) struct candidate *list = list_candidates(choice->nodes, &n_nodes);
    struct fabric_device *devices = memory_new(n_nodes + 1, sizeof(*devices));
    char *note = NULL;

    take(choice, list, n_nodes);
    for (size_t i = 0; i < n_nodes; i++) {
        if (n == DEVICES_MOST) {
            add_note(&note, memory_format("the nodes behind %s are left out: %d devices are "
                                          "as many as a plan may have",
                                          list[i - 1].name, DEVICES_MOST));
            break;
        }
        n += choose(&list[i], &devices[n], &note);
    }
    if (n == 0) {
        error_set(err, -ENODEV, "no node of the cluster can be used: %s",
                  note != NULL ? note : "it has none");
        free(note);
        free(devices);
        return err->code;
    }
    *ret_n = n;
    *ret_devices = devices;
    *ret_note = note;
    return 0;
}
