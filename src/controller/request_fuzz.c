/* Whatever somebody sends to the controller is a request or one sentence. */
#include <stdint.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/json.h"
#include "controller/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    cleanup(json_decrefp) json_t *json =
        json_loadb((const char *)bytes, size, JSON_REJECT_DUPLICATES, NULL);
    struct request *request = NULL;
    struct error err;

    if (json == NULL) {
        return 0;
    }
    if (request_read(json, &request, &err) < 0 && err.text[0] == '\0') {
        abort();
    }
    request_destroy(request);
    return 0;
}
