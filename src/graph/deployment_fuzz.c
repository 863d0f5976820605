/* Arbitrary JSON as a deployment; what is taken must survive the way there and back. */
#include <stdlib.h>

#include "base/error.h"
#include "base/json.h"
#include "graph/deployment.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup(json_decrefp) json_t *json = json_loadb((const char *)data, size, 0, NULL);
    cleanup(json_decrefp) json_t *again = NULL;
    cleanup(deployment_destroyp) struct deployment *first = NULL, *second = NULL;
    struct error err;

    if (json != NULL && deployment_from_json(json, &first, &err) == 0) {
        again = deployment_to_json(first);
        if (deployment_from_json(again, &second, &err) < 0) {
            abort();
        }
    }
    return 0;
}
