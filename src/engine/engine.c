#include "engine/engine.h"

#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "base/plugin.h"
#include "engine/fake.h"

/* What model files are run by; another engine is found by its name. */
static const struct {
    const char *name, *suffix;
} known[] = {
    {"fake", ".fake"},
    {"onnxruntime", ".onnx"},
    {"tflite", ".tflite"},
};

int engine_find(const char *name_or_suffix, const struct engine **ret_engine, struct error *err)
{
    const char *name = name_or_suffix;
    const void *exported;

    for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
        if (strcmp(name_or_suffix, known[i].suffix) == 0) {
            name = known[i].name;
        }
    }
    if (strcmp(name, engine_fake.name) == 0) {
        *ret_engine = &engine_fake;
        return 0;
    }
    if (name[0] == '.') {
        return error_set(err, -EINVAL, "no engine runs %s files; .onnx and .tflite are known",
                         name);
    }
    int r = plugin_open("engine", name, "engine_exported", &exported, err);
    if (r == -ENOENT) {
        return error_set(err, -ENOPKG,
                         "the engine '%s' is not here: run `make deps all`, or put "
                         "engine-%s.so in a folder of BRUME_PLUGINS; `brume doctor` tells more",
                         name, name);
    }
    if (r < 0) {
        return r;
    }
    const struct engine *engine = exported;
    if (engine->abi != ENGINE_ABI) {
        return error_set(err, -ELIBBAD,
                         "the plug-in of engine '%s' is of another brume (ABI %u, not %d)",
                         name, engine->abi, ENGINE_ABI);
    }
    *ret_engine = engine;
    return 0;
}
