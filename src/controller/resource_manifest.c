#include "controller/resource_manifest.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/quantity.h"

#define REPLICAS_MOST 64
#define OPERATORS     "spec.operators["

/* Of a value's path: what lies deeper has that of what it lies in. */
enum { PATH_MOST = 160 };

struct resource_manifest {
    char *file;     /* what it is named by in a server's sentences */
    json_t *object; /* what of it owns what is made */
    json_t *spec;
};

/* While it is written: as a text, or, without `out`, to find what stands in a line. */
struct writer {
    FILE *out;
    size_t line;   /* that are complete */
    size_t wanted; /* from 1; 0: none */
    char *path;    /* of what stands there, or NULL */
};

static void put(struct writer *writer, const char *text)
{
    if (writer->out != NULL) {
        fputs(text, writer->out);
    }
}

static void end_line(struct writer *writer, const char *path)
{
    put(writer, "\n");
    if (++writer->line == writer->wanted) {
        writer->path = memory_text(path);
    }
}

static void write_scalar(struct writer *writer, const json_t *value)
{
    if (writer->out != NULL) {
        cleanup(memory_free) char *text =
            json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));

        put(writer, text != NULL ? text : "\"\"");
    }
}

static char *path_below(const char *path, const char *key)
{
    if (strlen(path) + strlen(key) >= PATH_MOST) {
        return memory_text(path);
    }
    return memory_format("%s%s%s", path, *path == '\0' || *key == '[' ? "" : ".", key);
}

static void write_value(struct writer *writer, const json_t *value, const char *path);

/* Takes the path. NOLINTNEXTLINE(misc-no-recursion): as deep as jansson lets through */
static void write_entry(struct writer *writer, const json_t *value, char *path)
{
    write_value(writer, value, path);
    put(writer, ",");
    end_line(writer, path);
    free(path);
}

/* NOLINTNEXTLINE(misc-no-recursion) */
static void write_value(struct writer *writer, const json_t *value, const char *path)
{
    const char *key;
    json_t *entry;
    size_t i;

    if (!json_is_object(value) && !json_is_array(value)) {
        write_scalar(writer, value);
        return;
    }
    put(writer, json_is_object(value) ? "{" : "[");
    end_line(writer, path);
    json_object_foreach((json_t *)(uintptr_t)value, key, entry)
    {
        cleanup(json_decrefp) json_t *name = json_string(key);

        write_scalar(writer, name);
        put(writer, ": ");
        write_entry(writer, entry, path_below(path, key));
    }
    json_array_foreach(value, i, entry)
    {
        cleanup(memory_free) char *index = memory_format("[%zu]", i);
        write_entry(writer, entry, path_below(path, index));
    }
    put(writer, json_is_object(value) ? "}" : "]");
}

static void write_manifest(struct writer *writer, const struct resource_manifest *manifest)
{
    const json_t *metadata = json_object_get(manifest->object, "metadata");
    cleanup(json_decrefp) json_t *document =
        json_pack("{sssss{sO*sO*}sO*}", "apiVersion", RESOURCE_VERSION, "kind", "Application",
                  "metadata", "name", json_object_get(metadata, "name"), "namespace",
                  json_object_get(metadata, "namespace"), "spec", manifest->spec);

    write_value(writer, document, "");
    end_line(writer, "");
}

static char *text_of(const struct resource_manifest *manifest)
{
    char *text = NULL;
    size_t size = 0;
    struct writer writer = {.out = open_memstream(&text, &size)};

    if (writer.out != NULL) {
        write_manifest(&writer, manifest);
        fclose(writer.out);
    }
    return text;
}

/* "spec.operators[3].use", malloc'ed; "" when nothing of the object stands in that line. */
static char *path_of(const struct resource_manifest *manifest, size_t line)
{
    struct writer writer = {.wanted = line};

    write_manifest(&writer, manifest);
    return writer.path != NULL ? writer.path : memory_text("");
}

/* What owns the stages; of annotations only those that are ours, lest others' change it. */
static json_t *describe_owner(const json_t *object)
{
    const json_t *metadata = json_object_get(object, "metadata");
    json_t *ours = json_object(), *value;
    const char *key;

    json_object_foreach(json_object_get(metadata, "annotations"), key, value)
    {
        if (strncmp(key, "brume.dev/", strlen("brume.dev/")) == 0) {
            json_object_set(ours, key, value);
        }
    }
    return json_pack("{sssss{sO*sO*sO*so}}", "apiVersion", RESOURCE_VERSION, "kind",
                     "Application", "metadata", "name", json_object_get(metadata, "name"),
                     "namespace", json_object_get(metadata, "namespace"), "uid",
                     json_object_get(metadata, "uid"), "annotations", ours);
}

/* kubectl reads YAML 1.1, for which `on` is a switch: the key comes as "true". */
static json_t *read_spec(const json_t *object)
{
    json_t *spec = json_deep_copy(json_object_get(object, "spec")), *step;
    size_t i;

    json_array_foreach(json_object_get(spec, "operators"), i, step)
    {
        json_t *place = json_object_get(step, "true");

        if (place != NULL) {
            json_object_set(step, "on", place);
            json_object_del(step, "true");
        }
    }
    return spec;
}

struct resource_manifest *resource_manifest_create(const json_t *object, const char *files)
{
    struct resource_manifest *manifest = memory_new(1, sizeof(*manifest));

    const char *name =
        json_string_value(json_object_get(json_object_get(object, "metadata"), "name"));

    manifest->file = memory_format("%s/%s", files, name != NULL ? name : "");
    manifest->object = describe_owner(object);
    manifest->spec = read_spec(object);
    return manifest;
}

void resource_manifest_destroy(struct resource_manifest *manifest)
{
    if (manifest == NULL) {
        return;
    }
    free(manifest->file);
    json_decref(manifest->object);
    json_decref(manifest->spec);
    free(manifest);
}

static const char *annotation(const struct resource_manifest *manifest, const char *name)
{
    const json_t *all =
        json_object_get(json_object_get(manifest->object, "metadata"), "annotations");

    return json_string_value(json_object_get(all, name));
}

static int refuse(const char *name, const char *value, const char *form, struct error *err)
{
    return error_set(err, -EINVAL, "metadata.annotations[%s] must be %s, not '%.64s'", name,
                     form, value);
}

static int read_replicas(const struct resource_manifest *manifest, json_t *request,
                         struct error *err)
{
    const char *value = annotation(manifest, "brume.dev/replicas");
    int64_t most = 0;

    if (value == NULL || strcmp(value, "auto") == 0) {
        return 0;
    }
    if (strcmp(value, "off") == 0) {
        json_object_set_new(request, "replicas", json_string("off"));
        return 0;
    }
    if (quantity_integer(value, &most) < 0 || most < 1 || most > REPLICAS_MOST) {
        return refuse("brume.dev/replicas", value,
                      "\"auto\", \"off\" or a whole number from 1 to 64", err);
    }
    json_object_set_new(request, "replicas", json_integer(most));
    return 0;
}

static int read_tls(const struct resource_manifest *manifest, json_t *request,
                    struct error *err)
{
    const char *value = annotation(manifest, "brume.dev/tls");

    if (value != NULL && strcmp(value, "on") != 0 && strcmp(value, "off") != 0) {
        return refuse("brume.dev/tls", value, "\"on\" or \"off\"", err);
    }
    json_object_set_new(request, "tls", json_string(value != NULL ? value : "on"));
    return 0;
}

int resource_manifest_request(const struct resource_manifest *manifest, json_t **ret_request,
                              struct error *err)
{
    const json_t *metadata = json_object_get(manifest->object, "metadata");
    cleanup(memory_free) char *text = text_of(manifest);
    cleanup(json_decrefp) json_t *request =
        json_pack("{sssssssOsssssO}", "command", "run", "application", manifest->file,
                  "manifest", text, "namespace", json_object_get(metadata, "namespace"),
                  "fabric", "kubernetes", "folder", RESOURCE_OUT, "resource", manifest->object);

    if (request == NULL) {
        return error_set(err, -EINVAL, "the object has no name and namespace");
    }
    int r = read_replicas(manifest, request, err);
    r = r < 0 ? r : read_tls(manifest, request, err);
    if (r == 0) {
        *ret_request = json_incref(request);
    }
    return r;
}

/* "FILE:7:23: …" or "FILE:7: …": what comes behind, and the line; NULL: it has no place. */
static const char *skip_place(const struct resource_manifest *manifest, const char *sentence,
                              size_t *ret_line)
{
    size_t size = strlen(manifest->file);
    char *end;

    if (strncmp(sentence, manifest->file, size) != 0 || sentence[size] != ':') {
        return NULL;
    }
    *ret_line = strtoul(sentence + size + 1, &end, 10);
    if (*end == ':' && end[1] != ' ') {
        (void)strtoul(end + 1, &end, 10);
    }
    return strncmp(end, ": ", 2) == 0 ? end + 2 : NULL;
}

/* The length of "spec.operators[3]" at the path's beginning; 0: it is none of an operator's. */
static size_t operator_length(const char *path)
{
    const char *end =
        strncmp(path, OPERATORS, strlen(OPERATORS)) == 0 ? strchr(path, ']') : NULL;

    return end != NULL ? (size_t)(end - path) + 1 : 0;
}

/* The name of the operator that the path leads to, or NULL. */
static const char *operator_name(const struct resource_manifest *manifest, const char *path)
{
    size_t index = operator_length(path) > 0 ? strtoul(path + strlen(OPERATORS), NULL, 10) : 0;
    const json_t *operators = json_object_get(manifest->spec, "operators");

    return operator_length(path) > 0
               ? json_string_value(json_object_get(json_array_get(operators, index), "name"))
               : NULL;
}

/* "…, in line 7" becomes "…, in spec.operators[1]". */
static char *replace_line(const struct resource_manifest *manifest, const char *text)
{
    static const char words[] = " in line ";
    const char *at = strstr(text, words);
    char *rest;

    if (at == NULL) {
        return memory_text(text);
    }
    cleanup(memory_free) char *path = path_of(manifest, strtoul(at + strlen(words), &rest, 10));
    size_t length = operator_length(path);
    return *path == '\0' ? memory_text(text)
                         : memory_format("%.*s in %.*s%s", (int)(at - text), text,
                                         (int)(length > 0 ? length : strlen(path)), path, rest);
}

char *resource_manifest_explain(const struct resource_manifest *manifest, const char *sentence)
{
    size_t line = 0;
    const char *words = skip_place(manifest, sentence, &line);

    if (words == NULL) {
        return memory_text(sentence);
    }
    cleanup(memory_free) char *path = path_of(manifest, line);
    cleanup(memory_free) char *text = replace_line(manifest, words);
    const char *name = operator_name(manifest, path);
    size_t length = operator_length(path);

    if (*path == '\0') {
        return memory_text(text);
    }
    if (length > 0 && strncmp(words, "operator '", strlen("operator '")) == 0) {
        return memory_format("%.*s: %s", (int)length, path, text);
    }
    return name != NULL ? memory_format("%s (%s): %s", path, name, text)
                        : memory_format("%s: %s", path, text);
}
