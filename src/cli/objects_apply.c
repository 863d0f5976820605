#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/yaml.h"
#include "cli/cell.h"
#include "cli/command.h"
#include "cli/objects_manifest.h"
#include "cli/objects_state.h"
#include "graph/manifest.h"
#include "operator/registry.h"

static int find_type(void *owner, const char *name, const struct brume_operator **ret_type,
                     struct error *err)
{
    (void)owner;
    return registry_find(name, ret_type, err);
}

static const char *type_name(void *owner, size_t index)
{
    (void)owner;
    return registry_name(index);
}

/* What a controller on this machine is asked for, and an object cannot say. */
static int check_options(const json_t *request, struct error *err)
{
    static const struct {
        const char *key, *why;
    } others[] = {
        {"devices", "--devices does not go with it: the cluster's nodes are the devices"},
        {"testbed", "--testbed does not go with it: the cluster's nodes are the devices"},
        {"cut", "--cut does not go with it: say it in the manifest, as `cut` of the operator"},
        {"codec",
         "--codec does not go with it: the planner chooses, within `link` of the operator"},
        {"places",
         "--place does not go with it: say it in the manifest, as `on: { device: … }`"},
        {"window", "--window does not go with it: a cluster's streams are as fast as they can"},
        {"state", "--state does not go with it: what is remembered is the controller's"},
    };

    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
        if (json_object_get(request, others[i].key) != NULL) {
            return error_set(err, -EINVAL, "--fabric kubernetes: %s", others[i].why);
        }
    }
    return 0;
}

static int read_object(const json_t *request, json_t **ret_object, struct error *err)
{
    static const struct manifest_catalog catalog = {.find = find_type, .name = type_name};
    const char *path = cell_text(request, "application");
    cleanup(memory_free) void *text = NULL;
    size_t size = 0;

    int r = file_read(path, YAML_SIZE_MAX, &text, &size, err);
    r = r < 0 ? r : objects_manifest_read(path, text, size, &catalog, ret_object, err);
    if (r == 0) {
        objects_manifest_take_options(*ret_object, request);
    }
    return r;
}

/* As kubectl has it: the manifest's namespace counts, and may not contradict what was asked. */
static int take_space(struct objects *objects, json_t *object, const json_t *request,
                      struct error *err)
{
    json_t *metadata = json_object_get(object, "metadata");
    const char *own = json_string_value(json_object_get(metadata, "namespace"));
    const char *asked = json_string_value(json_object_get(request, "namespace"));

    if (own != NULL && asked != NULL && strcmp(own, asked) != 0) {
        return error_set(err, -EINVAL, "%s is for the namespace '%s', not for '%s'",
                         cell_text(request, "application"), own, asked);
    }
    if (own != NULL) {
        char *space = memory_text(own);
        memory_free(&objects->space);
        objects->space = space;
    }
    json_object_set_new(metadata, "namespace", json_string(objects->space));
    return 0;
}

/* What is to be given, and to whom. */
struct gift {
    struct objects *objects;
    const json_t *object;
    const char *name, *file;
};

static int create(const struct gift *gift, struct objects_answer *answer)
{
    cleanup(memory_free) char *path = objects_path(gift->objects, NULL);
    const struct kube_call call = {.method = "POST", .path = path, .body = gift->object};

    return objects_ask(gift->objects, &call, answer);
}

static const char *version_of(const json_t *object)
{
    return cell_text(json_object_get(object, "metadata"), "resourceVersion");
}

/* With the version that was found, so that nothing is lost that others change meanwhile. */
static int change(const struct gift *gift, const json_t *found, struct objects_answer *answer,
                  const char **ret_result)
{
    cleanup(memory_free) char *path = objects_path(gift->objects, gift->name);
    cleanup(json_decrefp) json_t *merged = objects_manifest_merge(found, gift->object);
    const struct kube_call call = {.method = "PUT", .path = path, .body = merged};

    *ret_result = "unchanged";
    if (json_equal(found, merged)) {
        return 0;
    }
    int r = objects_ask(gift->objects, &call, answer);
    if (r == 0 && strcmp(version_of(answer->json), version_of(found)) != 0) {
        *ret_result = "configured";
    }
    return r;
}

static bool is_ending(const json_t *object)
{
    return *cell_text(json_object_get(object, "metadata"), "deletionTimestamp") != '\0';
}

/* One attempt; an exit code, or -1: others were faster. */
static int try_to_give(const struct gift *gift, const char **ret_result)
{
    cleanup(objects_answer_finish) struct objects_answer found = {0};
    cleanup(objects_answer_finish) struct objects_answer answer = {0};
    cleanup(memory_free) char *path = objects_path(gift->objects, gift->name);
    bool new = objects_get(gift->objects, path, &found) == -ENOENT;
    int r = 0;

    if (!new && (found.err.code < 0 || found.json == NULL)) {
        return objects_fail(gift->objects, &found, gift->name, gift->file);
    }
    if (!new &&is_ending(found.json)) {
        fprintf(stderr, "brume: '%s' is being deleted; apply it again when it is gone\n",
                gift->name);
        return EX_UNAVAILABLE;
    }
    *ret_result = "created";
    r = new ? create(gift, &answer) : change(gift, found.json, &answer, ret_result);
    if (r == 0) {
        return EX_OK;
    }
    bool again =
        answer.status == OBJECTS_CONFLICT || (!new &&answer.status == OBJECTS_NOT_FOUND);
    return again ? -1 : objects_fail(gift->objects, &answer, gift->name, gift->file);
}

static int give(const struct gift *gift, const char **ret_result)
{
    for (unsigned i = 0; i < OBJECTS_TRIES; i++) {
        int code = try_to_give(gift, ret_result);
        if (code >= 0) {
            return code;
        }
    }
    fprintf(stderr, "brume: others change the application '%s' all the time\n", gift->name);
    return EX_UNAVAILABLE;
}

int objects_apply(struct source *source, const json_t *request, json_t **ret_answer)
{
    struct objects *objects = (struct objects *)source;
    cleanup(json_decrefp) json_t *object = NULL;
    const char *result = "";
    struct error err;

    int r = check_options(request, &err);
    if (r < 0) {
        (void)command_fail(&err);
        return EX_USAGE;
    }
    r = read_object(request, &object, &err);
    r = r < 0 ? r : take_space(objects, object, request, &err);
    if (r < 0) {
        return command_fail(&err);
    }
    const struct gift gift = {objects, object,
                              cell_text(json_object_get(object, "metadata"), "name"),
                              cell_text(request, "application")};
    int code = give(&gift, &result);
    if (code == EX_OK) {
        *ret_answer = json_pack("{ssssss}", "name", gift.name, "namespace", objects->space,
                                "result", result);
    }
    return code;
}
