/* Arbitrary bytes as a YAML document. */
#include <stdlib.h>

#include "base/error.h"
#include "base/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct yaml_key inner[] = {{.name = "b", .kinds = YAML_TEXT}, {0}};
    static const struct yaml_key keys[] = {
        {.name = "a", .kinds = YAML_LIST | YAML_MAP | YAML_TEXT, .keys = inner}, {0}};
    struct yaml_document *document = NULL;
    struct error err;

    if (yaml_parse("fuzz", (const char *)data, size, &document, &err) == 0) {
        if (yaml_root(document) == NULL) {
            abort();
        }
        yaml_check(yaml_root(document), keys, &err);
        yaml_destroy(document);
    }
    return 0;
}
