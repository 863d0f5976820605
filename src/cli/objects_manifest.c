#include "cli/objects_manifest.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/quantity.h"
#include "base/yaml.h"
#include "graph/graph.h"
#include "graph/manifest.h"
#include "graph/manifest_keys.h"

#define PREFIX  "brume.dev/"
#define OPTIONS PREFIX "options"

/* A number, if it says the same when it is written back. */
static json_t *read_number(const char *text)
{
    char *end = NULL;
    int64_t whole = 0;
    json_t *number = quantity_integer(text, &whole) == 0 ? json_integer(whole)
                                                         : json_real(strtod(text, &end));
    cleanup(memory_free) char *back =
        number != NULL ? json_dumps(number, JSON_ENCODE_ANY | JSON_REAL_PRECISION(15)) : NULL;

    if (back != NULL && strcmp(back, text) == 0) {
        return number;
    }
    json_decref(number);
    return NULL;
}

static json_t *convert_plain(const struct yaml_node *node)
{
    json_t *number = node->quoted ? NULL : read_number(node->text);

    if (number != NULL) {
        return number;
    }
    if (!node->quoted &&
        (strcmp(node->text, "true") == 0 || strcmp(node->text, "false") == 0)) {
        return json_boolean(*node->text == 't');
    }
    return json_string(node->text);
}

/* Of no known form. The depth is base/yaml.h's. */
static json_t *convert_any(const struct yaml_node *node) // NOLINT(misc-no-recursion)
{
    if (node->kind == YAML_TEXT) {
        return convert_plain(node);
    }
    json_t *json = node->kind == YAML_MAP ? json_object() : json_array();
    for (size_t i = 0; i < node->n; i++) {
        const struct yaml_pair *pair = &node->pairs[i];
        if (node->kind == YAML_LIST) {
            json_array_append_new(json, convert_any(pair->value));
        } else if (!yaml_is_null(pair->value)) {
            json_object_set_new(json, pair->key->text, convert_any(pair->value));
        }
    }
    return json;
}

static json_t *convert_map(const struct yaml_node *map, const struct yaml_key *keys);

/* A list of what is also written as a text has numbers: cuts. */
static json_t *convert_list(const struct yaml_node *list, // NOLINT(misc-no-recursion)
                            const struct yaml_key *row)
{
    json_t *json = json_array();

    for (size_t i = 0; i < list->n; i++) {
        const struct yaml_node *item = list->pairs[i].value;
        json_t *entry = row->keys != NULL               ? convert_map(item, row->keys)
                        : (row->kinds & YAML_TEXT) != 0 ? convert_plain(item)
                                                        : json_string(item->text);
        json_array_append_new(json, entry);
    }
    return json;
}

static json_t *convert(const struct yaml_node *node, // NOLINT(misc-no-recursion)
                       const struct yaml_key *row)
{
    if (node->kind == YAML_LIST) {
        return convert_list(node, row);
    }
    if (node->kind == YAML_MAP) {
        return row->keys != NULL ? convert_map(node, row->keys) : convert_any(node);
    }
    return row->type != NULL ? convert_plain(node) : json_string(node->text);
}

static json_t *convert_map(const struct yaml_node *map, // NOLINT(misc-no-recursion)
                           const struct yaml_key *keys)
{
    json_t *json = json_object();

    for (const struct yaml_key *row = keys; row->name != NULL; row++) {
        const struct yaml_node *node = yaml_get(map, row->name);
        if (node != NULL) {
            json_object_set_new(json, row->name, convert(node, row));
        }
    }
    return json;
}

/* Labels and annotations are texts, whatever they look like. */
static int take_texts(json_t *metadata, const struct yaml_node *from, const char *key,
                      struct error *err)
{
    const struct yaml_node *map = yaml_get(from, key);

    if (map == NULL) {
        return 0;
    }
    json_t *texts = json_object();
    json_object_set_new(metadata, key, texts);
    for (size_t i = 0; i < map->n; i++) {
        const struct yaml_node *value = map->pairs[i].value;
        if (value->kind != YAML_TEXT) {
            return yaml_fail(value, err, -EINVAL, "'%s' must be a text",
                             map->pairs[i].key->text);
        }
        json_object_set_new(texts, map->pairs[i].key->text, json_string(value->text));
    }
    return 0;
}

int objects_manifest_read(const char *path, const char *text, size_t size,
                          const struct manifest_catalog *catalog, json_t **ret_object,
                          struct error *err)
{
    cleanup(graph_destroyp) struct graph *graph = NULL;
    cleanup(yaml_destroyp) struct yaml_document *document = NULL;
    struct manifest_catalog elsewhere = *catalog;

    elsewhere.elsewhere = true;
    elsewhere.check = NULL; /* it may want to read files */
    int r = manifest_parse(path, text, size, &elsewhere, &graph, err);
    r = r < 0 ? r : yaml_parse(path, text, size, &document, err);
    if (r < 0) {
        return r;
    }
    const struct yaml_node *metadata = yaml_get(yaml_root(document), "metadata");
    cleanup(json_decrefp) json_t *object = convert_map(yaml_root(document), manifest_keys);
    json_t *described = json_object_get(object, "metadata");
    r = take_texts(described, metadata, "labels", err);
    r = r < 0 ? r : take_texts(described, metadata, "annotations", err);
    if (r == 0) {
        *ret_object = json_incref(object);
    }
    return r;
}

static json_t *annotations_of(json_t *object)
{
    json_t *metadata = json_object_get(object, "metadata");
    json_t *annotations = json_object_get(metadata, "annotations");

    if (!json_is_object(annotations)) {
        annotations = json_object();
        json_object_set_new(metadata, "annotations", annotations);
    }
    return annotations;
}

void objects_manifest_take_options(json_t *object, const json_t *request)
{
    static const char *const names[] = {"replicas", "tls"};
    cleanup(memory_free) char *given = memory_text("");

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        const json_t *option = json_object_get(request, names[i]);
        cleanup(memory_free) char *key = memory_format(PREFIX "%s", names[i]);
        const char *word = json_string_value(option);
        cleanup(memory_free) char *value =
            word != NULL ? memory_text(word)
                         : memory_format("%lld", (long long)json_integer_value(option));

        if (option == NULL || (word != NULL && strcmp(word, "auto") == 0)) {
            continue;
        }
        char *more = memory_format("%s%s%s", given, *given != '\0' ? " " : "", names[i]);
        free(given);
        given = more;
        json_object_set_new(annotations_of(object), key, json_string(value));
    }
    if (*given != '\0') {
        json_object_set_new(annotations_of(object), OPTIONS, json_string(given));
    }
}

/* What came by an option earlier. */
static void drop_options(json_t *annotations)
{
    const char *options = json_string_value(json_object_get(annotations, OPTIONS));
    cleanup(memory_free) char *copy = memory_text(options != NULL ? options : "");
    char *rest = NULL;

    for (char *name = strtok_r(copy, " ", &rest); name != NULL;
         name = strtok_r(NULL, " ", &rest)) {
        cleanup(memory_free) char *key = memory_format(PREFIX "%s", name);
        json_object_del(annotations, key);
    }
    json_object_del(annotations, OPTIONS);
}

static void merge_texts(json_t *metadata, const json_t *wanted, const char *key)
{
    json_t *texts = json_object_get(metadata, key);
    json_t *more = json_object_get(wanted, key);

    if (json_is_object(texts)) {
        json_object_update(texts, more);
    } else if (json_object_size(more) > 0) {
        json_object_set_new(metadata, key, json_deep_copy(more));
    }
}

json_t *objects_manifest_merge(const json_t *found, const json_t *wanted)
{
    json_t *object = json_deep_copy(found), *metadata = json_object_get(object, "metadata");
    const json_t *more = json_object_get(wanted, "metadata");

    drop_options(json_object_get(metadata, "annotations"));
    merge_texts(metadata, more, "labels");
    merge_texts(metadata, more, "annotations");
    if (json_object_get(metadata, "annotations") != NULL &&
        json_object_size(json_object_get(metadata, "annotations")) == 0) {
        json_object_del(metadata, "annotations");
    }
    json_object_set_new(object, "spec", json_deep_copy(json_object_get(wanted, "spec")));
    return object;
}
