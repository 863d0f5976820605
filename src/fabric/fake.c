#include "fabric/fake.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "fabric/device.h"
#include "fabric/later.h"
#include "fabric/testbed.h"

struct fake_stage {
    char *name;
    size_t device;
};

/* An end that the owner has yet to hear of. */
struct fake_end {
    struct fake_end *next;
    char *stage;
    char *how;
};

struct fake {
    struct fabric fabric; /* first */
    struct fabric_events events;
    struct later *later;
    size_t n_devices;
    struct fabric_device *devices;
    struct fabric_usage *usages;
    size_t n_stages;
    struct fake_stage *stages;
    struct fake_end *ends;
    char *refusal;
    char *token;
    unsigned n_starts;
};

static struct fake *fake_of(struct fabric *fabric)
{
    return (struct fake *)fabric;
}

static size_t find_stage(const struct fake *fake, const char *name)
{
    size_t i = 0;

    while (i < fake->n_stages && strcmp(fake->stages[i].name, name) != 0) {
        i++;
    }
    return i;
}

static bool drop_stage(struct fake *fake, const char *name)
{
    size_t i = find_stage(fake, name);

    if (i == fake->n_stages) {
        return false;
    }
    memory_free(&fake->stages[i].name);
    fake->stages[i] = fake->stages[--fake->n_stages];
    return true;
}

static int find_device(const struct fake *fake, const char *name, size_t *ret_index,
                       struct error *err)
{
    for (size_t i = 0; i < fake->n_devices; i++) {
        if (strcmp(fake->devices[i].name, name) == 0) {
            *ret_index = i;
            return 0;
        }
    }
    return error_set(err, -ENOENT, "there is no device '%s'", name);
}

static int fake_start(struct fabric *fabric, const struct fabric_start *what,
                      fabric_done_fn done, void *owner, struct error *err)
{
    struct fake *fake = fake_of(fabric);
    size_t device = 0;

    if (fake->refusal != NULL) {
        error_set(err, -EAGAIN, "stage '%s': %s", what->stage, fake->refusal);
        memory_free(&fake->refusal);
        return err->code;
    }
    if (find_device(fake, what->device, &device, err) < 0) {
        return err->code;
    }
    if (find_stage(fake, what->stage) == fake->n_stages) {
        fake->stages = memory_grow(fake->stages, fake->n_stages, sizeof(*fake->stages));
        fake->stages[fake->n_stages++] =
            (struct fake_stage){.name = memory_text(what->stage), .device = device};
        memory_free(&fake->token);
        fake->token = memory_text(what->credentials);
        fake->n_starts++;
    }
    later_call(fake->later, done, owner, NULL);
    return 0;
}

static int fake_stop(struct fabric *fabric, const char *stage, fabric_done_fn done, void *owner,
                     struct error *err)
{
    (void)err;
    struct fake *fake = fake_of(fabric);

    (void)drop_stage(fake, stage);
    later_call(fake->later, done, owner, NULL);
    return 0;
}

static int fake_list(struct fabric *fabric, fabric_seen_fn seen, void *owner, struct error *err)
{
    (void)err;
    const struct fake *fake = fake_of(fabric);

    for (size_t i = 0; i < fake->n_stages; i++) {
        seen(owner, fake->stages[i].name, fake->devices[fake->stages[i].device].name);
    }
    return 0;
}

static int fake_usage(struct fabric *fabric, const char *device, struct fabric_usage *ret_usage,
                      struct error *err)
{
    const struct fake *fake = fake_of(fabric);
    size_t index = 0;

    if (find_device(fake, device, &index, err) < 0) {
        return err->code;
    }
    *ret_usage = fake->usages[index];
    return 0;
}

static size_t fake_devices(struct fabric *fabric, const struct fabric_device **ret_devices)
{
    *ret_devices = fake_of(fabric)->devices;
    return fake_of(fabric)->n_devices;
}

static const char *fake_controller_address(struct fabric *fabric)
{
    (void)fabric;
    return "127.0.0.1";
}

static const char *fake_note(struct fabric *fabric)
{
    (void)fabric;
    return "nothing runs on these devices";
}

static const char *fake_folder(struct fabric *fabric)
{
    (void)fabric;
    return NULL;
}

static void release_end(struct fake_end *end)
{
    memory_free(&end->stage);
    memory_free(&end->how);
    free(end);
}

static void tell_end(void *owner, const struct error *err)
{
    (void)err;
    struct fake *fake = owner;
    struct fake_end *end = fake->ends;

    fake->ends = end->next;
    if (fake->events.gone != NULL) {
        fake->events.gone(fake->events.owner, end->stage, end->how, false);
    }
    release_end(end);
}

bool fake_kill(struct fabric *fabric, const char *stage, const char *how)
{
    struct fake *fake = fake_of(fabric);
    struct fake_end **last = &fake->ends;

    if (!drop_stage(fake, stage)) {
        return false;
    }
    while (*last != NULL) {
        last = &(*last)->next;
    }
    *last = memory_new(1, sizeof(**last));
    **last = (struct fake_end){.stage = memory_text(stage), .how = memory_text(how)};
    later_call(fake->later, tell_end, fake, NULL);
    return true;
}

void fake_refuse(struct fabric *fabric, const char *sentence)
{
    memory_free(&fake_of(fabric)->refusal);
    fake_of(fabric)->refusal = memory_text(sentence);
}

void fake_set_usage(struct fabric *fabric, size_t device, const struct fabric_usage *usage)
{
    fake_of(fabric)->usages[device] = *usage;
}

unsigned fake_starts(struct fabric *fabric)
{
    return fake_of(fabric)->n_starts;
}

const char *fake_token(struct fabric *fabric)
{
    return fake_of(fabric)->token;
}

static void fake_close(struct fabric *fabric)
{
    struct fake *fake = fake_of(fabric);

    while (fake->n_stages > 0) {
        (void)drop_stage(fake, fake->stages[0].name);
    }
    while (fake->ends != NULL) {
        struct fake_end *end = fake->ends;
        fake->ends = end->next;
        release_end(end);
    }
    later_destroy(fake->later);
    for (size_t i = 0; i < fake->n_devices; i++) {
        device_finish(&fake->devices[i]);
    }
    memory_free(&fake->devices);
    memory_free(&fake->usages);
    memory_free(&fake->stages);
    memory_free(&fake->refusal);
    memory_free(&fake->token);
    free(fake);
}

static const struct fabric_ops fake_ops = {
    .name = "fake",
    .devices = fake_devices,
    .controller_address = fake_controller_address,
    .folder = fake_folder,
    .note = fake_note,
    .start = fake_start,
    .stop = fake_stop,
    .list = fake_list,
    .usage = fake_usage,
    .close = fake_close,
};

int fake_open(const struct fabric_config *config, struct fabric **ret_fabric, struct error *err)
{
    cleanup(testbed_destroyp) struct testbed *alone = NULL;
    const struct testbed *testbed = config->testbed;

    if (testbed == NULL) {
        if (testbed_plain(1, &alone, err) < 0) {
            return err->code;
        }
        testbed = alone;
    }
    struct fake *fake = memory_new(1, sizeof(*fake));
    fake->fabric.ops = &fake_ops;
    fake->events = config->events;
    fake->later = later_create(config->loop);
    fake->n_devices = testbed->n_devices;
    fake->devices = memory_new(fake->n_devices, sizeof(*fake->devices));
    fake->usages = memory_new(fake->n_devices, sizeof(*fake->usages));
    for (size_t i = 0; i < fake->n_devices; i++) {
        device_copy(&testbed->devices[i], &fake->devices[i]);
        fake->devices[i].address = memory_format("192.0.2.%zu", i + 1);
    }
    *ret_fabric = &fake->fabric;
    return 0;
}
