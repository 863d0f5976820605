#include "fabric/testbed.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/quantity.h"
#include "base/text.h"
#include "base/yaml.h"
#include "fabric/device.h"

#define CORES_LEAST  0.001
#define CORES_MOST   1024.0
#define MEMORY_LEAST (4U << 20) /* less and not even the stage itself starts */
#define LATENCY_MOST 60000.0
#define LINK_LEAST   125.0   /* 1 kbit/s */
#define LINK_MOST    1.25e10 /* 100 Gbit/s: beyond it the kernel's bucket overflows */

const struct testbed_device testbed_default = {
    .cores = 0.3, .memory = 1000000000, .link_rate = 12.5e6, .latency_ms = 0.3};

#define SHAPE_KEYS                                                                       \
    {"cpu", YAML_TEXT, false, "cores, 0.3 or 300m", .help = "CPU quota"},                \
        {"memory", YAML_TEXT, false, "a size, 512M or 1Gi", .help = "memory limit"},     \
        {"link", YAML_TEXT, false, "a rate, 100Mbit/s", .help = "link, each direction"}, \
    {                                                                                    \
        "latency", YAML_TEXT, false, "a duration, 2ms", .help = "of the link, one way"   \
    }

static const struct yaml_key shape_keys[] = {SHAPE_KEYS, {0}};

static const struct yaml_key device_keys[] = {
    {"name", YAML_TEXT, true, "a name, a-z 0-9 -", .help = "unique; with count, NAME-1, …"},
    {"count", YAML_TEXT, false, "an integer", .help = "how many of them"},
    SHAPE_KEYS,
    {"has", YAML_LIST, false, "a list of words", .help = "what `on: {has: …}` may ask for"},
    {"type", YAML_TEXT, false, "a name", .help = "devices of one type share a profile"},
    {0}};

static const struct yaml_key metadata_keys[] = {
    {"name", YAML_TEXT, true, "a name", .help = "of the testbed"}, {0}};

static const struct yaml_key spec_keys[] = {
    {"defaults", YAML_MAP, false, "a map", .help = "what devices do not say",
     .keys = shape_keys},
    {"devices", YAML_LIST, true, "a list of maps", .help = "the devices", .keys = device_keys},
    {0}};

const struct yaml_key testbed_keys[] = {
    {"apiVersion", YAML_TEXT, true, "brume.dev/v1alpha1", .help = "the form",
     .choices = "brume.dev/v1alpha1"},
    {"kind", YAML_TEXT, true, "Testbed", .help = "what this is", .choices = "Testbed"},
    {"metadata", YAML_MAP, true, "a map", .help = "its name", .keys = metadata_keys},
    {"spec", YAML_MAP, true, "a map", .help = "the devices", .keys = spec_keys},
    {0}};

static int bad(const struct yaml_node *node, const char *key, const char *form,
               struct error *err)
{
    return yaml_fail(node, err, -EINVAL, "%s: '%s' is not %s", key, node->text, form);
}

static bool read_cpu(const char *text, struct testbed_device *device)
{
    return quantity_cores(text, &device->cores) == 0;
}

static bool read_memory(const char *text, struct testbed_device *device)
{
    return quantity_memory(text, &device->memory) == 0;
}

static bool read_link(const char *text, struct testbed_device *device)
{
    return quantity_link_rate(text, &device->link_rate) == 0;
}

static bool read_latency(const char *text, struct testbed_device *device)
{
    double seconds = 0;
    bool read = quantity_duration(text, &seconds) == 0;

    device->latency_ms = seconds * 1000;
    return read;
}

static bool has_cpu(const struct testbed_device *device)
{
    return device->cores >= CORES_LEAST && device->cores <= CORES_MOST;
}

static bool has_memory(const struct testbed_device *device)
{
    return device->memory >= MEMORY_LEAST;
}

static bool has_link(const struct testbed_device *device)
{
    return device->link_rate >= LINK_LEAST && device->link_rate <= LINK_MOST;
}

static bool has_latency(const struct testbed_device *device)
{
    return device->latency_ms >= 0 && device->latency_ms <= LATENCY_MOST;
}

static const struct limit {
    const char *key, *form;
    bool (*read)(const char *text, struct testbed_device *device);
    bool (*holds)(const struct testbed_device *device);
} limits[] = {
    {"cpu", "a number of cores from 0.001 to 1024, as 0.3 or 300m", read_cpu, has_cpu},
    {"memory", "a size of at least 4Mi, as 512M", read_memory, has_memory},
    {"link", "a rate from 1kbit/s to 100Gbit/s, as 100Mbit/s", read_link, has_link},
    {"latency", "a duration of at most a minute, as 2ms", read_latency, has_latency},
};
enum { N_LIMITS = sizeof(limits) / sizeof(*limits) };

const char *testbed_limit(size_t index)
{
    return index < N_LIMITS ? limits[index].key : NULL;
}

int testbed_read_limit(const char *key, const char *text, struct testbed_device *device,
                       struct error *err)
{
    struct testbed_device read = *device;
    const struct limit *limit = limits;

    while (strcmp(limit->key, key) != 0) {
        limit++;
        assert(limit < limits + N_LIMITS);
    }
    if (!limit->read(text, &read) || !limit->holds(&read)) {
        return error_set(err, -EINVAL, "%s: '%s' is not %s", key, text, limit->form);
    }
    *device = read;
    return 0;
}

static int read_shape(const struct yaml_node *map, struct testbed_device *shape,
                      struct error *err)
{
    struct error why;

    for (size_t i = 0; i < N_LIMITS; i++) {
        const struct yaml_node *node = yaml_get(map, limits[i].key);

        if (node != NULL && testbed_read_limit(limits[i].key, node->text, shape, &why) < 0) {
            return yaml_fail(node, err, why.code, "%s", why.text);
        }
    }
    return 0;
}

static char *type_of(const struct testbed_device *shape)
{
    return memory_format("cpu-%g-memory-%gM-link-%gM", shape->cores,
                         (double)shape->memory / 1e6, shape->link_rate * 8 / 1e6);
}

static void add(struct testbed *testbed, const char *name, const struct testbed_device *shape)
{
    testbed->devices =
        memory_grow(testbed->devices, testbed->n_devices, sizeof(*testbed->devices));
    testbed->devices[testbed->n_devices++] = (struct fabric_device){
        .name = memory_text(name),
        .type = type_of(shape),
        .cores = shape->cores,
        .memory = shape->memory,
        .link_rate = shape->link_rate,
        .link_latency_ms = shape->latency_ms,
    };
}

static int read_count(const struct yaml_node *map, int64_t *ret_count, struct error *err)
{
    const struct yaml_node *count = yaml_get(map, "count");

    if (count == NULL) {
        *ret_count = 1;
        return 0;
    }
    if (quantity_integer(count->text, ret_count) < 0 || *ret_count < 1 ||
        *ret_count > TESTBED_DEVICES_MOST) {
        return bad(count, "count", "an integer from 1 to 200", err);
    }
    return 0;
}

static int check_name(const struct testbed *testbed, const struct yaml_node *place,
                      const char *name, struct error *err)
{
    if (!text_is_label(name)) {
        return yaml_fail(place, err, -EINVAL,
                         "'%s' is no device's name: 1 to 63 of a-z, 0-9 and -", name);
    }
    for (size_t i = 0; i < testbed->n_devices; i++) {
        if (strcmp(testbed->devices[i].name, name) == 0) {
            return yaml_fail(place, err, -EINVAL, "there are two devices '%s'", name);
        }
    }
    if (testbed->n_devices == TESTBED_DEVICES_MOST) {
        return yaml_fail(place, err, -E2BIG, "a testbed has at most %d devices",
                         TESTBED_DEVICES_MOST);
    }
    return 0;
}

/* What one item of the list says beyond the shape, into the device added last. */
static int read_rest(struct testbed *testbed, const struct yaml_node *map, struct error *err)
{
    struct fabric_device *device = &testbed->devices[testbed->n_devices - 1];
    const struct yaml_node *type = yaml_get(map, "type");
    const struct yaml_node *has = yaml_get(map, "has");

    if (type != NULL) {
        if (!text_is_label(type->text)) {
            return bad(type, "type", "a name of 1 to 63 of a-z, 0-9 and -", err);
        }
        memory_free(&device->type);
        device->type = memory_text(type->text);
    }
    for (size_t i = 0; has != NULL && i < has->n; i++) {
        device_give(device, has->pairs[i].value->text);
    }
    return 0;
}

static int read_device(struct testbed *testbed, const struct yaml_node *map,
                       const struct testbed_device *defaults, struct error *err)
{
    const struct yaml_node *name = yaml_get(map, "name");
    struct testbed_device shape = *defaults;
    int64_t count;

    if (read_shape(map, &shape, err) < 0 || read_count(map, &count, err) < 0) {
        return err->code;
    }
    for (int64_t i = 1; i <= count; i++) {
        cleanup(memory_free) char *full =
            count == 1 ? memory_text(name->text) : memory_format("%s-%d", name->text, (int)i);
        if (check_name(testbed, name, full, err) < 0) {
            return err->code;
        }
        add(testbed, full, &shape);
        if (read_rest(testbed, map, err) < 0) {
            return err->code;
        }
    }
    return 0;
}

int testbed_parse(const char *path, const char *text, size_t size, struct testbed **ret_testbed,
                  struct error *err)
{
    cleanup(yaml_destroyp) struct yaml_document *document = NULL;
    cleanup(testbed_destroyp) struct testbed *testbed = memory_new(1, sizeof(*testbed));
    struct testbed_device defaults = testbed_default;

    if (yaml_parse(path, text, size, &document, err) < 0) {
        return err->code;
    }
    const struct yaml_node *root = yaml_root(document);
    if (yaml_check(root, testbed_keys, err) < 0) {
        return err->code;
    }
    const struct yaml_node *spec = yaml_get(root, "spec");
    const struct yaml_node *devices = yaml_get(spec, "devices");
    if (read_shape(yaml_get(spec, "defaults"), &defaults, err) < 0) {
        return err->code;
    }
    if (devices->n == 0) {
        return yaml_fail(devices, err, -EINVAL, "a testbed without devices");
    }
    for (size_t i = 0; i < devices->n; i++) {
        if (read_device(testbed, devices->pairs[i].value, &defaults, err) < 0) {
            return err->code;
        }
    }
    *ret_testbed = STEAL(testbed);
    return 0;
}

int testbed_load(const char *path, struct testbed **ret_testbed, struct error *err)
{
    cleanup(memory_free) char *text = NULL;
    size_t size;

    if (file_read(path, YAML_SIZE_MAX, (void **)&text, &size, err) < 0) {
        return err->code;
    }
    return testbed_parse(path, text, size, ret_testbed, err);
}

int testbed_equal(int64_t n_devices, const struct testbed_device *each,
                  struct testbed **ret_testbed, struct error *err)
{
    if (n_devices < 1 || n_devices > TESTBED_DEVICES_MOST) {
        return error_set(err, -EINVAL, "%lld devices: 1 to %d can be emulated",
                         (long long)n_devices, TESTBED_DEVICES_MOST);
    }
    for (size_t i = 0; i < N_LIMITS; i++) {
        if (!limits[i].holds(each)) {
            return error_set(err, -EINVAL, "%s: a device has %s", limits[i].key,
                             limits[i].form);
        }
    }
    struct testbed *testbed = memory_new(1, sizeof(*testbed));
    for (int i = 1; i <= n_devices; i++) {
        char name[32];
        snprintf(name, sizeof(name), "device-%d", i);
        add(testbed, name, each);
    }
    *ret_testbed = testbed;
    return 0;
}

int testbed_plain(int64_t n_devices, struct testbed **ret_testbed, struct error *err)
{
    struct testbed *testbed = NULL;

    if (testbed_equal(n_devices, &testbed_default, &testbed, err) < 0) {
        return err->code;
    }
    assert(testbed != NULL);
    testbed->plain = true;
    *ret_testbed = testbed;
    return 0;
}

void testbed_give(struct testbed *testbed, size_t device, const char *what)
{
    device_give(&testbed->devices[device], what);
}

void testbed_destroy(struct testbed *testbed)
{
    for (size_t i = 0; testbed != NULL && i < testbed->n_devices; i++) {
        device_finish(&testbed->devices[i]);
    }
    if (testbed != NULL) {
        memory_free(&testbed->devices);
    }
    free(testbed);
}

void testbed_destroyp(struct testbed **testbed)
{
    testbed_destroy(*testbed);
    *testbed = NULL;
}
