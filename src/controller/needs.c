#include "controller/needs.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/param.h"
#include "fabric/fabric.h"
#include "graph/deployment.h"
#include "graph/image.h"
#include "operator/registry.h"

/* By operator; the others need none. */
static const struct {
    const char *use;
    unsigned libraries;
} rows[] = {
    {"alert", IMAGE_WEB},          {"decode", IMAGE_PICTURE}, {"encode", IMAGE_PICTURE},
    {"image-sink", IMAGE_PICTURE}, {"mqtt-sink", IMAGE_MQTT}, {"mqtt-source", IMAGE_MQTT},
    {"sqlite-sink", IMAGE_MQTT},
};

static const struct {
    const char *suffix;
    unsigned libraries;
} engines[] = {{".tflite", IMAGE_TFLITE}, {".onnx", IMAGE_ONNXRUNTIME}};

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);

    return n >= m && strcmp(text + n - m, end) == 0;
}

/* A user's operator may need anything. */
static unsigned libraries_of(const struct deployment_operator *step)
{
    unsigned libraries = registry_is_foreign(step->use) ? IMAGE_ALL : 0;

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        libraries |= strcmp(rows[i].use, step->use) == 0 ? rows[i].libraries : 0;
    }
    for (size_t i = 0; i < step->n_params && strcmp(step->use, "model") == 0; i++) {
        for (size_t j = 0; j < sizeof(engines) / sizeof(*engines); j++) {
            libraries |= strcmp(step->params[i].name, "file") == 0 &&
                                 ends_with(step->params[i].value, engines[j].suffix)
                             ? engines[j].libraries
                             : 0;
        }
    }
    return libraries;
}

void needs_choose_images(struct deployment *deployment)
{
    for (size_t i = 0; i < deployment->n_stages; i++) {
        struct deployment_stage *stage = &deployment->stages[i];
        unsigned libraries = 0;

        for (size_t j = 0; j < deployment->n_operators; j++) {
            const struct deployment_operator *step = &deployment->operators[j];

            libraries |= strcmp(step->group, stage->group) == 0 ? libraries_of(step) : 0;
        }
        free(stage->image);
        stage->image = memory_text(image_choose(libraries)->name);
    }
}

struct mounts {
    struct fabric_mount *list;
    size_t n;
};

/* Takes `path`. */
static void add(struct mounts *mounts, char *path, bool writable)
{
    for (size_t i = 0; i < mounts->n; i++) {
        if (strcmp(mounts->list[i].path, path) == 0) {
            mounts->list[i].writable |= writable;
            free(path);
            return;
        }
    }
    mounts->list = memory_grow(mounts->list, mounts->n, sizeof(*mounts->list));
    mounts->list[mounts->n++] = (struct fabric_mount){path, writable};
}

static char *folder_of(const char *path)
{
    size_t n = (size_t)(strrchr(path, '/') - path);

    return memory_format("%.*s", (int)(n > 0 ? n : 1), path);
}

/* What stands before the first part of the path that has a wildcard. */
static char *fixed_part(const char *pattern)
{
    size_t n = strcspn(pattern, "*?[");

    if (pattern[n] == '\0') {
        return memory_text(pattern);
    }
    while (n > 1 && pattern[n - 1] != '/') {
        n--;
    }
    return memory_format("%.*s", (int)(n > 1 ? n - 1 : 1), pattern);
}

static void add_param(struct mounts *mounts, const struct brume_param *row, const char *value)
{
    if (row == NULL || value[0] != '/') {
        return;
    }
    switch (row->kind) {
    case BRUME_FILE:
        add(mounts, memory_text(value), false);
        break;
    case BRUME_FILES:
        add(mounts, fixed_part(value), false);
        break;
    case BRUME_PATH:
        add(mounts, folder_of(value), true);
        break;
    case BRUME_FOLDER:
        add(mounts, memory_text(value), true);
        break;
    default:
        break;
    }
}

/* Takes `path`, of a folder that need not be there. */
static void add_if_there(struct mounts *mounts, char *path)
{
    if (access(path, F_OK) == 0) {
        add(mounts, path, false);
    } else {
        free(path);
    }
}

/* What the controller has found out about a network need not be found out again. */
static void add_models(struct mounts *mounts)
{
    cleanup(memory_free) char *cache = file_cache_folder();

    if (cache != NULL) {
        add_if_there(mounts, memory_format("%s/models", cache));
    }
}

static void add_operators(struct mounts *mounts)
{
    cleanup(memory_free) char *list = memory_text(secure_getenv("BRUME_OPERATORS"));
    char *rest = list, *folder;

    while ((folder = strsep(&rest, ":")) != NULL) {
        if (*folder == '/') {
            add_if_there(mounts, memory_text(folder));
        }
    }
}

struct fabric_mount *needs_mounts(const struct deployment *deployment, const char *group,
                                  const char *folder, bool here, size_t *ret_n)
{
    struct mounts mounts = {0};
    struct error ignored;

    for (size_t i = 0; i < deployment->n_operators; i++) {
        const struct deployment_operator *step = &deployment->operators[i];
        const struct brume_operator *type = NULL;

        if (strcmp(step->group, group) != 0 || registry_find(step->use, &type, &ignored) < 0) {
            continue;
        }
        if (here && strcmp(step->use, "model") == 0) {
            add_models(&mounts);
        }
        if (here && registry_is_foreign(step->use)) {
            add_operators(&mounts);
        }
        for (size_t j = 0; j < step->n_params; j++) {
            add_param(&mounts, param_find(type, step->params[j].name), step->params[j].value);
        }
    }
    if (folder != NULL) {
        add(&mounts, memory_text(folder), true);
    }
    *ret_n = mounts.n;
    return mounts.list;
}

void needs_free_mounts(struct fabric_mount *mounts, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(mounts[i].path);
    }
    free(mounts);
}

char *needs_remote_path(const char *path)
{
    size_t n = strlen(FABRIC_FILES);
    bool below = strncmp(path, FABRIC_FILES, n) == 0 && path[n] == '/';

    return below ? memory_text(path) : memory_format("%s%s", FABRIC_FILES, path);
}

static void move_params(const struct deployment_operator *step, json_t *params)
{
    const struct brume_operator *type = NULL;
    struct error ignored;

    if (registry_find(step->use, &type, &ignored) < 0) {
        return;
    }
    for (size_t i = 0; i < step->n_params; i++) {
        const struct brume_param *row = param_find(type, step->params[i].name);
        const char *value = step->params[i].value;

        if (row != NULL && value[0] == '/' &&
            (row->kind == BRUME_FILE || row->kind == BRUME_FILES)) {
            cleanup(memory_free) char *path = needs_remote_path(value);
            json_object_set_new(json_array_get(params, i), "value", json_string(path));
        }
    }
}

json_t *needs_remote_deployment(const struct deployment *deployment)
{
    json_t *json = deployment_to_json(deployment);
    const json_t *operators = json_object_get(json, "operators");

    for (size_t i = 0; i < deployment->n_operators; i++) {
        move_params(&deployment->operators[i],
                    json_object_get(json_array_get(operators, i), "params"));
    }
    return json;
}
