/* Arbitrary bytes as a testbed's manifest. */
#include <stdlib.h>

#include "base/error.h"
#include "fabric/testbed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct testbed *testbed = NULL;
    struct error err;

    if (testbed_parse("fuzz", (const char *)data, size, &testbed, &err) == 0) {
        if (testbed->n_devices == 0 || testbed->n_devices > TESTBED_DEVICES_MOST) {
            abort();
        }
        testbed_destroy(testbed);
    }
    return 0;
}
