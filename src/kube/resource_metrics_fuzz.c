/* Arbitrary bytes as what a kubelet tells. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "kube/resource_metrics.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(void *owner, const struct resource_metric *metric)
{
    const char *const texts[] = {metric->space, metric->pod, metric->container};
    size_t *most = owner;

    if (!(metric->value >= 0 && metric->value <= RESOURCE_METRIC_MOST)) {
        abort();
    }
    for (unsigned i = 0; i < 3; i++) {
        if ((texts[i] == NULL) != (metric->pod == NULL) ||
            (texts[i] != NULL && strlen(texts[i]) > *most)) {
            abort();
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup(memory_free) char *text = memory_new(size + 1, 1);

    memcpy(text, data, size);
    resource_metrics_read(text, check, &size);
    return 0;
}
