/* Arbitrary bytes as an application's manifest. Files that it names are looked for and never
 * opened.
 */
#include <stdlib.h>

#include "base/error.h"
#include "graph/manifest_fixture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was taken must be in topological order, with every port there. */
static void check(const struct graph *graph)
{
    for (size_t i = 0; i < graph->n_operators; i++) {
        const struct graph_operator *step = &graph->operators[i];
        for (size_t k = 0; k < step->n_inputs; k++) {
            const struct graph_input *input = &step->inputs[k];
            if (input->operator>= i ||
                graph->operators[input->operator].type->outputs[input->port].name == NULL) {
                abort();
            }
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup(graph_destroyp) struct graph *graph = NULL;
    struct error err;

    if (manifest_parse("/nowhere/fuzz.yaml", (const char *)data, size, &fixture_catalog, &graph,
                       &err) == 0) {
        check(graph);
    }
    return 0;
}
