#include "fabric/images.h"

#include <stdlib.h>

#include "base/memory.h"

bool images_have_registry(void)
{
    const char *given = getenv("BRUME_IMAGES"); /* NOLINT(concurrency-mt-unsafe) */

    return given != NULL && *given != '\0';
}

char *images_name(const char *name)
{
    const char *given = getenv("BRUME_IMAGES"); /* NOLINT(concurrency-mt-unsafe) */

    return memory_format("%s-%s:%s", images_have_registry() ? given : "brume/stage", name,
                         BRUME_VERSION);
}
