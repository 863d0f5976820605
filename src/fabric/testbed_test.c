#include "base/test.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "fabric/testbed.h"
#include "graph/manifest_keys.h"

#define HEAD "apiVersion: brume.dev/v1alpha1\nkind: Testbed\nmetadata: { name: lab }\nspec:\n"

static struct testbed *parse(const char *text)
{
    struct testbed *testbed = NULL;
    struct error err;

    if (testbed_parse("lab.yaml", text, strlen(text), &testbed, &err) < 0) {
        fail_msg("%s", err.text);
    }
    return testbed;
}

static void assert_refused(const char *text, const char *sentence)
{
    struct testbed *testbed = NULL;
    struct error err;

    assert_true(testbed_parse("lab.yaml", text, strlen(text), &testbed, &err) < 0);
    assert_string_equal(err.text, sentence);
    assert_null(testbed);
}

static void a_device_is_what_its_line_says(void **state)
{
    (void)state;
    struct testbed *testbed = parse(
        HEAD "  devices:\n"
             "    - { name: camera, cpu: 0.5, memory: 512M, link: 10Mbit/s, latency: 2ms,\n"
             "        has: [camera, gas] }\n");
    const struct fabric_device *device = &testbed->devices[0];

    assert_int_equal(testbed->n_devices, 1);
    assert_false(testbed->plain);
    assert_string_equal(device->name, "camera");
    assert_true(device->cores == 0.5);
    assert_int_equal(device->memory, 512000000);
    assert_true(device->link_rate == 1.25e6);
    assert_true(device->link_latency_ms == 2);
    assert_int_equal(device->n_has, 2);
    assert_string_equal(device->has[1], "gas");
    testbed_destroy(testbed);
}

static void what_is_not_said_is_the_testbeds_then_a_raspberry_pis(void **state)
{
    (void)state;
    struct testbed *testbed = parse(HEAD "  defaults: { cpu: 0.2, link: 1Gbit/s }\n"
                                         "  devices: [{ name: one, link: 5Mbit/s }]\n");
    const struct fabric_device *device = &testbed->devices[0];

    assert_true(device->cores == 0.2);
    assert_true(device->link_rate == 625000);
    assert_int_equal(device->memory, testbed_default.memory);
    testbed_destroy(testbed);
}

static void a_count_numbers_the_names(void **state)
{
    (void)state;
    struct testbed *testbed =
        parse(HEAD "  devices: [{ name: a }, { name: shelf, count: 3, has: [disk] }]\n");

    assert_int_equal(testbed->n_devices, 4);
    assert_string_equal(testbed->devices[1].name, "shelf-1");
    assert_string_equal(testbed->devices[3].name, "shelf-3");
    assert_string_equal(testbed->devices[3].has[0], "disk");
    testbed_destroy(testbed);
}

static void devices_alike_are_of_one_type(void **state)
{
    (void)state;
    struct testbed *testbed =
        parse(HEAD "  devices:\n    - { name: a, latency: 5ms, has: [camera] }\n"
                   "    - { name: b }\n    - { name: c, cpu: 0.5 }\n"
                   "    - { name: d, cpu: 0.5, type: pi-4 }\n");

    assert_string_equal(testbed->devices[0].type, testbed->devices[1].type);
    assert_string_not_equal(testbed->devices[1].type, testbed->devices[2].type);
    assert_string_equal(testbed->devices[3].type, "pi-4");
    testbed_destroy(testbed);
}

static void mistakes_have_a_place(void **state)
{
    (void)state;

    assert_refused(HEAD "  devices: [{ name: a, cpus: 1 }]\n",
                   "lab.yaml:5:24: unknown key 'cpus' in 'devices' (did you mean 'cpu'?)");
    assert_refused(HEAD "  devices: [{ name: a, cpu: fast }]\n",
                   "lab.yaml:5:29: cpu: 'fast' is not a number of cores from 0.001 to 1024, as "
                   "0.3 or 300m");
    assert_refused(HEAD "  devices: [{ name: a, memory: 1M }]\n",
                   "lab.yaml:5:32: memory: '1M' is not a size of at least 4Mi, as 512M");
    assert_refused(HEAD "  devices: [{ name: a, link: 10 }]\n",
                   "lab.yaml:5:30: link: '10' is not a rate from 1kbit/s to 100Gbit/s, as "
                   "100Mbit/s");
    assert_refused(
        HEAD "  devices: [{ name: a, latency: 2h }]\n",
        "lab.yaml:5:33: latency: '2h' is not a duration of at most a minute, as 2ms");
    assert_refused(HEAD "  devices: [{ name: a, count: 0 }]\n",
                   "lab.yaml:5:31: count: '0' is not an integer from 1 to 200");
    assert_refused(HEAD "  devices: [{ name: A b }]\n",
                   "lab.yaml:5:21: 'A b' is no device's name: 1 to 63 of a-z, 0-9 and -");
    assert_refused(HEAD "  devices: [{ name: a-1 }, { name: a, count: 2 }]\n",
                   "lab.yaml:5:36: there are two devices 'a-1'");
    assert_refused(HEAD "  devices: []\n", "lab.yaml:5:12: a testbed without devices");
    assert_refused(HEAD "  devices: [{ name: a, count: 150 }, { name: b, count: 51 }]\n",
                   "lab.yaml:5:46: a testbed has at most 200 devices");
}

static void equal_devices_are_numbered_and_alike(void **state)
{
    (void)state;
    struct testbed *testbed = NULL;
    struct error err;

    assert_int_equal(testbed_equal(3, &testbed_default, &testbed, &err), 0);
    assert_int_equal(testbed->n_devices, 3);
    assert_string_equal(testbed->devices[2].name, "device-3");
    assert_string_equal(testbed->devices[0].type, testbed->devices[2].type);
    testbed_give(testbed, 0, "camera");
    testbed_give(testbed, 0, "camera");
    assert_int_equal(testbed->devices[0].n_has, 1);
    assert_int_equal(testbed->devices[1].n_has, 0);
    testbed_destroy(testbed);
}

static void no_device_and_too_many_are_refused(void **state)
{
    (void)state;
    struct testbed_device each = testbed_default;
    struct testbed *testbed = NULL;
    struct error err;

    assert_int_equal(testbed_equal(0, &each, &testbed, &err), -EINVAL);
    assert_int_equal(testbed_equal(201, &each, &testbed, &err), -EINVAL);
    assert_string_equal(err.text, "201 devices: 1 to 200 can be emulated");
    assert_int_equal(testbed_equal(40000, &each, &testbed, &err), -EINVAL);
    assert_string_equal(err.text, "40000 devices: 1 to 200 can be emulated");
    assert_int_equal(testbed_equal(INT64_C(1) << 32 | 1, &each, &testbed, &err), -EINVAL);
    each.cores = 0;
    assert_int_equal(testbed_equal(1, &each, &testbed, &err), -EINVAL);
    each = testbed_default;
    each.memory = 4096;
    assert_int_equal(testbed_equal(1, &each, &testbed, &err), -EINVAL);
    each = testbed_default;
    each.link_rate = 0.125;
    assert_int_equal(testbed_equal(1, &each, &testbed, &err), -EINVAL);
    assert_string_equal(err.text, "link: a device has a rate from 1kbit/s to 100Gbit/s, as "
                                  "100Mbit/s");
    assert_null(testbed);
}

/* Whoever asks for it: a manifest says the same, behind its place. */
static void a_limit_out_of_bounds_leaves_the_device_as_it_was(void **state)
{
    (void)state;
    static const struct {
        const char *key, *text, *sentence;
    } bad[] = {
        {"cpu", "0.0001",
         "cpu: '0.0001' is not a number of cores from 0.001 to 1024, as 0.3 or 300m"},
        {"cpu", "1025",
         "cpu: '1025' is not a number of cores from 0.001 to 1024, as 0.3 or 300m"},
        {"memory", "0", "memory: '0' is not a size of at least 4Mi, as 512M"},
        {"link", "1bit/s",
         "link: '1bit/s' is not a rate from 1kbit/s to 100Gbit/s, as 100Mbit/s"},
        {"link", "1000Gbit/s",
         "link: '1000Gbit/s' is not a rate from 1kbit/s to 100Gbit/s, as 100Mbit/s"},
        {"latency", "61s", "latency: '61s' is not a duration of at most a minute, as 2ms"},
    };
    struct testbed_device device = testbed_default;
    struct error err;

    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        assert_int_equal(testbed_read_limit(bad[i].key, bad[i].text, &device, &err), -EINVAL);
        assert_string_equal(err.text, bad[i].sentence);
        assert_memory_equal(&device, &testbed_default, sizeof(device));
    }
    assert_int_equal(testbed_read_limit("link", "1kbit/s", &device, &err), 0);
    assert_true(device.link_rate == 125);
}

/* docs/testbed.md holds the table as it is; when keys change, copy it from this test's output.
 */
static void the_page_holds_the_reference(void **state)
{
    const char *data = secure_getenv("BRUME_TEST_DATA");
    cleanup(memory_free) char *text = manifest_reference(testbed_keys);
    cleanup(memory_free) void *page = NULL;
    struct error err = {0};
    size_t size = 0;

    (void)state;
    if (data == NULL) {
        skip();
    }
    cleanup(memory_free) char *path = memory_format("%s/../../docs/testbed.md", data);
    if (file_read(path, 1 << 20, &page, &size, &err) < 0) {
        fail_msg("%s", err.text);
    }
    if (strstr(page, text) == NULL) {
        print_error("docs/testbed.md lacks this table:\n%s", text);
        fail();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_device_is_what_its_line_says),
        cmocka_unit_test(what_is_not_said_is_the_testbeds_then_a_raspberry_pis),
        cmocka_unit_test(a_count_numbers_the_names),
        cmocka_unit_test(devices_alike_are_of_one_type),
        cmocka_unit_test(mistakes_have_a_place),
        cmocka_unit_test(equal_devices_are_numbered_and_alike),
        cmocka_unit_test(no_device_and_too_many_are_refused),
        cmocka_unit_test(a_limit_out_of_bounds_leaves_the_device_as_it_was),
        cmocka_unit_test(the_page_holds_the_reference),
    };
    return cmocka_run_group_tests_name("testbed", tests, NULL, NULL);
}
