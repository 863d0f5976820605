/* The custom resource in which Kubernetes keeps applications: the tables of keys as a
 * structural schema (OpenAPI 3), for apiextensions.k8s.io/v1. The walk keeps its own stack of
 * tables.
 *
 * What may be a text or something else has no type in a structural schema; what can be said of
 * its values still is. Of metadata, only the name is ours to restrict.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "graph/manifest_keys.h"

enum { DEPTH_MAX = 8, ROOT_MAX = 8, LINE_LENGTH = 96, STEP = 2, ROOT_INDENT = 10 };

struct level {
    const struct yaml_key *next;
    unsigned indent; /* of the keys */
    bool twice;      /* the next key was written under its other name */
};

static const char head[] =
    "# The custom resource of applications, made from the tables of keys in src/graph; a test\n"
    "# (graph/manifest_definition) compares it with them, and can write it anew.\n"
    "apiVersion: apiextensions.k8s.io/v1\n"
    "kind: CustomResourceDefinition\n"
    "metadata:\n"
    "  name: applications.brume.dev\n"
    "spec:\n"
    "  group: brume.dev\n"
    "  scope: Namespaced\n"
    "  names:\n"
    "    kind: Application\n"
    "    listKind: ApplicationList\n"
    "    plural: applications\n"
    "    singular: application\n"
    "    shortNames: [bapp, brume]\n"
    "  versions:\n"
    "    - name: v1alpha1\n"
    "      served: true\n"
    "      storage: true\n"
    "      subresources:\n"
    "        status: {}\n"
    "      additionalPrinterColumns:\n"
    "        - { name: Phase, type: string, jsonPath: .status.phase }\n"
    "        - { name: Rate, type: number, jsonPath: .status.rate }\n"
    "        - { name: Predicted, type: number, jsonPath: .status.predictedRate }\n"
    "        - { name: Stages, type: string, jsonPath: .status.readyStages }\n"
    "        - { name: Latency-ms, type: number, jsonPath: .status.latencyMs.p50 }\n"
    "        - { name: Age, type: date, jsonPath: .metadata.creationTimestamp }\n"
    "        - { name: Message, type: string, priority: 1, jsonPath: .status.message }\n"
    "        - { name: Plan, type: string, priority: 1, jsonPath: .status.plan }\n"
    "      schema:\n"
    "        openAPIV3Schema:\n";

static void line(FILE *out, unsigned indent, const char *format, ...) PRINTF_LIKE(3, 4);

static void line(FILE *out, unsigned indent, const char *format, ...)
{
    va_list args;

    fprintf(out, "%*s", (int)indent, "");
    va_start(args, format);
    vfprintf(out, format, args);
    va_end(args);
    fputc('\n', out);
}

/* A folded text, in lines that people can read. */
static void write_description(FILE *out, unsigned indent, const struct yaml_key *key)
{
    cleanup(memory_free) char *text = memory_format(
        "%s%s%s%s", key->help,
        key->kinds == YAML_MAP ? "" : " Form: ", key->kinds == YAML_MAP ? "" : key->form,
        key->kinds == YAML_MAP ? "" : ".");
    size_t column = LINE_LENGTH;
    char *rest = NULL;

    fprintf(out, "%*sdescription: >-", (int)indent, "");
    for (char *word = strtok_r(text, " ", &rest); word != NULL;
         word = strtok_r(NULL, " ", &rest)) {
        size_t length = strlen(word);

        if (column + 1 + length > LINE_LENGTH) {
            fprintf(out, "\n%*s%s", (int)indent + STEP, "", word);
            column = indent + STEP + length;
        } else {
            fprintf(out, " %s", word);
            column += 1 + length;
        }
    }
    fputc('\n', out);
}

static void write_choices(FILE *out, unsigned indent, const char *choices)
{
    fprintf(out, "%*senum: [\"", (int)indent, "");
    for (const char *c = choices; *c != '\0'; c++) {
        if (*c == '|') {
            fputs("\", \"", out);
        } else {
            fputc(*c, out);
        }
    }
    fputs("\"]\n", out);
}

/* Of what may be one thing or another, each is restricted by what holds for it alone. */
static void write_untyped(FILE *out, unsigned indent, unsigned most_items)
{
    line(out, indent, "x-kubernetes-preserve-unknown-fields: true");
    line(out, indent, "maxProperties: 0");
    line(out, indent, "maxItems: %u", most_items);
}

/* One value, or each in a list. */
static void write_text(FILE *out, unsigned indent, const struct yaml_key *key)
{
    const char *type = key->type == NULL ? "text" : key->type;

    if (strcmp(type, "text|integer") == 0) {
        write_untyped(out, indent, 0);
        line(out, indent, "minimum: 1");
        line(out, indent, "maximum: %u", key->most);
        line(out, indent, "multipleOf: 1");
    } else if (strcmp(type, "integer") == 0) {
        line(out, indent, "type: integer");
        line(out, indent, "format: int64");
    } else if (strcmp(type, "number") == 0) {
        line(out, indent, "type: number");
    } else {
        line(out, indent, "type: string");
    }
    if (strcmp(type, "time") == 0) {
        line(out, indent, "format: date-time");
    }
    if (key->choices != NULL) {
        write_choices(out, indent, key->choices);
    }
    if (key->pattern != NULL) {
        line(out, indent, "pattern: '%s'", key->pattern);
    }
}

/* The beginning of a map whose keys are known. */
static void write_map(FILE *out, unsigned indent, const struct yaml_key *keys)
{
    line(out, indent, "type: object");
    for (const struct yaml_key *key = keys, *first = NULL; key->name != NULL; key++) {
        if (key->required && first == NULL) {
            line(out, indent, "required:");
            first = key;
        }
        if (key->required) {
            line(out, indent + STEP, "- %s", key->name);
        }
    }
    line(out, indent, "properties:");
}

static void write_list(FILE *out, unsigned indent, const struct yaml_key *key)
{
    line(out, indent, "type: array");
    if (key->required) {
        line(out, indent, "minItems: 1");
    }
    if (key->most > 0) {
        line(out, indent, "maxItems: %u", key->most);
    }
    if (key->keys != NULL && key->keys->required) {
        line(out, indent, "x-kubernetes-list-type: map");
        line(out, indent, "x-kubernetes-list-map-keys: [%s]", key->keys->name);
    }
    line(out, indent, "items:");
    if (key->keys == NULL) {
        write_text(out, indent + STEP, key);
    } else {
        write_map(out, indent + STEP, key->keys);
    }
}

/* All but the keys below. */
static void write_value(FILE *out, unsigned indent, const struct yaml_key *key)
{
    if (key->help != NULL) {
        write_description(out, indent, key);
    }
    switch (key->kinds) {
    case YAML_TEXT:
        write_text(out, indent, key);
        break;
    case YAML_LIST:
        write_list(out, indent, key);
        break;
    case YAML_MAP:
        if (key->keys != NULL) {
            write_map(out, indent, key->keys);
            break;
        }
        line(out, indent, "type: object");
        line(out, indent, "additionalProperties:");
        line(out, indent + STEP, "x-kubernetes-preserve-unknown-fields: true");
        break;
    default: /* a text, or a list of whole numbers */
        write_untyped(out, indent, key->most);
        line(out, indent, "pattern: '%s'", key->pattern);
        line(out, indent, "items:");
        line(out, indent + STEP, "type: integer");
        line(out, indent + STEP, "minimum: 1");
        break;
    }
}

/* kubectl reads YAML 1.1, for which `on` is a switch, and sends the key "true": both are let
 * through, and the controller takes them for the same. */
static void write_name(FILE *out, struct level *level, const struct yaml_key *key)
{
    bool is_on = strcmp(key->name, "on") == 0;

    if (!is_on) {
        line(out, level->indent, "%s:", key->name);
    } else {
        line(out, level->indent, level->twice ? "\"true\":" : "\"on\":");
        level->twice = !level->twice;
        level->next -= level->twice;
    }
}

static void write_keys(FILE *out, const struct yaml_key *keys, unsigned indent)
{
    struct level levels[DEPTH_MAX] = {{.next = keys, .indent = indent}};
    unsigned depth = 1;

    while (depth > 0) {
        struct level *level = &levels[depth - 1];
        const struct yaml_key *key = level->next++;

        if (key->name == NULL) {
            depth--;
            continue;
        }
        write_name(out, level, key);
        write_value(out, level->indent + STEP, key);
        if (key->keys != NULL && depth < DEPTH_MAX) {
            unsigned steps = (key->kinds & YAML_LIST) != 0 ? 3 : 2;
            levels[depth++] =
                (struct level){.next = key->keys, .indent = level->indent + steps * STEP};
        }
    }
}

/* What the document has in a cluster: version, kind and metadata are the cluster's to check,
 * but for the name; the status is told below. */
static void make_root(struct yaml_key *root, struct yaml_key *metadata)
{
    size_t n = 0;

    for (const struct yaml_key *key = manifest_keys; key->name != NULL; key++, n++) {
        root[n] = *key;
        root[n].choices = NULL;
        root[n].required = strcmp(key->name, "spec") == 0;
        if (strcmp(key->name, "metadata") == 0) {
            metadata[0] = key->keys[0];
            metadata[0].required = false;
            root[n].keys = metadata;
            root[n].help = NULL; /* more than the name may not be said */
        }
    }
    root[n] = (struct yaml_key){.name = "status",
                                .kinds = YAML_MAP,
                                .help = "How it fares, as the controller tells it.",
                                .keys = manifest_status_keys};
}

char *manifest_definition(void)
{
    struct yaml_key root[ROOT_MAX] = {0}, metadata[2] = {0};
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    if (out == NULL) {
        abort();
    }
    make_root(root, metadata);
    fputs(head, out);
    line(out, ROOT_INDENT, "description: A graph of operators that brume cuts and places.");
    write_map(out, ROOT_INDENT, root);
    write_keys(out, root, ROOT_INDENT + STEP);
    if (fclose(out) != 0) {
        abort();
    }
    return text;
}
