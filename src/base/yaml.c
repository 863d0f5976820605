/* libyaml's events, built into a tree with a stack of our own: nothing here recurses, so a deep
 * document costs an error and not the stack. The document keeps a flat list of its nodes.
 */
#include "base/yaml.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/error.h"
#include "base/memory.h"

enum { TAGS_MAX = 64 };

struct yaml_document {
    char *file;
    struct yaml_node *root;
    size_t n_nodes;
    struct yaml_node **nodes;
};

struct builder {
    struct yaml_document *document;
    unsigned depth;
    struct yaml_node *open[YAML_DEPTH_MAX]; /* lists and maps not yet ended */
    const struct yaml_node *key[YAML_DEPTH_MAX];
    unsigned n_documents;
    bool ended;
};

static void stop_parser(yaml_parser_t *parser)
{
    yaml_parser_delete(parser);
}

static void forget_event(yaml_event_t *event)
{
    yaml_event_delete(event);
}

static int fail_at(const struct yaml_document *document, const yaml_mark_t *mark,
                   struct error *err, const char *what)
{
    struct yaml_node place = {.file = document->file,
                              .line = (unsigned)mark->line + 1,
                              .column = (unsigned)mark->column + 1};

    return yaml_fail(&place, err, -EINVAL, "%s", what);
}

static struct yaml_node *add_node(struct yaml_document *document, enum yaml_kind kind,
                                  const yaml_mark_t *mark)
{
    struct yaml_node *node = memory_new(1, sizeof(*node));

    node->kind = kind;
    node->line = (unsigned)mark->line + 1;
    node->column = (unsigned)mark->column + 1;
    node->file = document->file;
    document->nodes =
        memory_grow(document->nodes, document->n_nodes, sizeof(struct yaml_node *));
    document->nodes[document->n_nodes++] = node;
    return node;
}

static void append(struct yaml_node *parent, const struct yaml_node *key,
                   const struct yaml_node *value)
{
    parent->pairs = memory_grow(parent->pairs, parent->n, sizeof(*parent->pairs));
    parent->pairs[parent->n++] = (struct yaml_pair){.key = key, .value = value};
}

static const struct yaml_pair *find_pair(const struct yaml_node *map, const char *key)
{
    for (size_t i = 0; map != NULL && map->kind == YAML_MAP && i < map->n; i++) {
        if (strcmp(map->pairs[i].key->text, key) == 0) {
            return &map->pairs[i];
        }
    }
    return NULL;
}

/* Puts a finished text, or a list or map that just began, where it belongs. */
static int place_node(struct builder *builder, struct yaml_node *node, struct error *err)
{
    if (builder->depth == 0) {
        builder->document->root = node;
        return 0;
    }
    struct yaml_node *parent = builder->open[builder->depth - 1];
    const struct yaml_node **key = &builder->key[builder->depth - 1];
    if (parent->kind == YAML_LIST) {
        append(parent, NULL, node);
        return 0;
    }
    if (*key != NULL) {
        append(parent, *key, node);
        *key = NULL;
        return 0;
    }
    if (node->kind != YAML_TEXT) {
        return yaml_fail(node, err, -EINVAL, "a key must be a text");
    }
    const struct yaml_pair *first = find_pair(parent, node->text);
    if (first != NULL) {
        return yaml_fail(node, err, -EINVAL, "key '%.64s' is there already, in line %u",
                         node->text, first->key->line);
    }
    if (parent->n == YAML_KEYS_MAX) {
        return yaml_fail(node, err, -E2BIG, "more than %d keys in one map", YAML_KEYS_MAX);
    }
    *key = node;
    return 0;
}

static int add_text(struct builder *builder, const yaml_event_t *event, struct error *err)
{
    const char *value = (const char *)event->data.scalar.value;
    struct yaml_node *node = add_node(builder->document, YAML_TEXT, &event->start_mark);

    if (memchr(value, '\0', event->data.scalar.length) != NULL) {
        return yaml_fail(node, err, -EINVAL, "a text may not hold a zero byte");
    }
    node->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    node->text = memory_text(value);
    return place_node(builder, node, err);
}

static int add_container(struct builder *builder, enum yaml_kind kind,
                         const yaml_event_t *event, struct error *err)
{
    struct yaml_node *node = add_node(builder->document, kind, &event->start_mark);

    if (builder->depth == YAML_DEPTH_MAX) {
        return yaml_fail(node, err, -E2BIG, "more than %d levels deep", YAML_DEPTH_MAX);
    }
    int code = place_node(builder, node, err);
    if (code < 0) {
        return code;
    }
    builder->key[builder->depth] = NULL;
    builder->open[builder->depth++] = node;
    return 0;
}

/* Refuses what the tree does not hold. */
static int check_event(const struct builder *builder, const yaml_event_t *event,
                       struct error *err)
{
    const yaml_char_t *anchor = NULL, *tag = NULL;
    bool directive = event->type == YAML_DOCUMENT_START_EVENT &&
                     event->data.document_start.tag_directives.start !=
                         event->data.document_start.tag_directives.end;

    if (builder->document->n_nodes >= YAML_NODES_MAX) {
        return fail_at(builder->document, &event->start_mark, err, "too many values");
    }
    if (event->type == YAML_SCALAR_EVENT) {
        anchor = event->data.scalar.anchor;
        tag = event->data.scalar.tag;
    } else if (event->type == YAML_SEQUENCE_START_EVENT) {
        anchor = event->data.sequence_start.anchor;
        tag = event->data.sequence_start.tag;
    } else if (event->type == YAML_MAPPING_START_EVENT) {
        anchor = event->data.mapping_start.anchor;
        tag = event->data.mapping_start.tag;
    }
    if (anchor != NULL || event->type == YAML_ALIAS_EVENT) {
        return fail_at(builder->document, &event->start_mark, err,
                       "anchors (&) and aliases (*) are not supported here");
    }
    if (tag != NULL || directive) {
        return fail_at(builder->document, &event->start_mark, err,
                       "tags (!) are not supported here");
    }
    if (event->type == YAML_DOCUMENT_START_EVENT && builder->n_documents > 0) {
        return fail_at(builder->document, &event->start_mark, err,
                       "a second document begins here; put it in a file of its own");
    }
    return 0;
}

static int take_event(struct builder *builder, const yaml_event_t *event, struct error *err)
{
    int code = check_event(builder, event, err);

    if (code < 0) {
        return code;
    }
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        return add_text(builder, event, err);
    case YAML_SEQUENCE_START_EVENT:
        return add_container(builder, YAML_LIST, event, err);
    case YAML_MAPPING_START_EVENT:
        return add_container(builder, YAML_MAP, event, err);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        builder->depth--;
        return 0;
    case YAML_DOCUMENT_START_EVENT:
        builder->n_documents++;
        return 0;
    case YAML_STREAM_END_EVENT:
        builder->ended = true;
        return 0;
    default:
        return 0;
    }
}

static int fail_parser(const struct yaml_document *document, const yaml_parser_t *parser,
                       struct error *err)
{
    const char *problem = parser->problem == NULL ? "not YAML" : parser->problem;
    yaml_mark_t mark = parser->problem_mark;
    char sentence[160];

    if (parser->error == YAML_MEMORY_ERROR) {
        return error_set(err, -ENOMEM, "%s: no memory", document->file);
    }
    if (parser->error == YAML_READER_ERROR) {
        return error_set(err, -EINVAL, "%s: not a text file (byte %zu: %s)", document->file,
                         parser->problem_offset, problem);
    }
    snprintf(sentence, sizeof(sentence), "not YAML: %s%s%s", problem,
             parser->context == NULL ? "" : " ",
             parser->context == NULL ? "" : parser->context);
    return fail_at(document, &mark, err, sentence);
}

/* libyaml would take UTF-16, and compares each %TAG with all before it, so many are slow. */
static int check_bytes(const struct yaml_document *document, const char *text, size_t size,
                       struct error *err)
{
    const char *end = text + size, *at = text;
    unsigned n_tags = 0;

    if (size >= 2 && (memcmp(text, "\xFF\xFE", 2) == 0 || memcmp(text, "\xFE\xFF", 2) == 0)) {
        return error_set(err, -EINVAL, "%s: not a text file (UTF-16, where UTF-8 is wanted)",
                         document->file);
    }
    while ((at = memmem(at, (size_t)(end - at), "%TAG", 4)) != NULL) {
        at += 4;
        if (++n_tags > TAGS_MAX) {
            return error_set(err, -EINVAL, "%s: tags (%%TAG) are not supported here",
                             document->file);
        }
    }
    return 0;
}

static int build(struct yaml_document *document, const char *text, size_t size,
                 struct error *err)
{
    cleanup(stop_parser) yaml_parser_t parser = {0};
    struct builder builder = {.document = document};

    int code = check_bytes(document, text, size, err);
    if (code < 0) {
        return code;
    }
    if (yaml_parser_initialize(&parser) == 0) {
        return error_set(err, -ENOMEM, "%s: no memory", document->file);
    }
    yaml_parser_set_input_string(&parser, (const yaml_char_t *)text, size);
    while (!builder.ended) {
        cleanup(forget_event) yaml_event_t event = {0};
        if (yaml_parser_parse(&parser, &event) == 0) {
            return fail_parser(document, &parser, err);
        }
        code = take_event(&builder, &event, err);
        if (code < 0) {
            return code;
        }
    }
    if (document->root == NULL) {
        return error_set(err, -EINVAL, "%s: nothing in it", document->file);
    }
    return 0;
}

int yaml_parse(const char *file, const char *text, size_t size,
               struct yaml_document **ret_document, struct error *err)
{
    cleanup(yaml_destroyp) struct yaml_document *document = memory_new(1, sizeof(*document));

    if (size > YAML_SIZE_MAX) {
        return error_set(err, -E2BIG, "%s: larger than %d bytes", file, YAML_SIZE_MAX);
    }
    document->file = memory_text(file);
    int code = build(document, text, size, err);
    if (code < 0) {
        return code;
    }
    *ret_document = STEAL(document);
    return 0;
}

void yaml_destroy(struct yaml_document *document)
{
    if (document == NULL) {
        return;
    }
    for (size_t i = 0; i < document->n_nodes; i++) {
        free(document->nodes[i]->text);
        free(document->nodes[i]->pairs);
        free(document->nodes[i]);
    }
    free(document->nodes);
    free(document->file);
    free(document);
}

void yaml_destroyp(struct yaml_document **document)
{
    yaml_destroy(*document);
    *document = NULL;
}

const struct yaml_node *yaml_root(const struct yaml_document *document)
{
    return document->root;
}

const struct yaml_node *yaml_get(const struct yaml_node *map, const char *key)
{
    const struct yaml_pair *pair = find_pair(map, key);

    return pair == NULL || yaml_is_null(pair->value) ? NULL : pair->value;
}

bool yaml_is_null(const struct yaml_node *node)
{
    return node->kind == YAML_TEXT && !node->quoted &&
           (*node->text == '\0' || strcmp(node->text, "null") == 0 ||
            strcmp(node->text, "~") == 0);
}

int yaml_fail(const struct yaml_node *node, struct error *err, int code, const char *format,
              ...)
{
    char sentence[sizeof(err->text)];
    va_list args;

    va_start(args, format);
    vsnprintf(sentence, sizeof(sentence), format, args);
    va_end(args);
    error_set(err, code, "%s:%u:%u: %s", node->file, node->line, node->column, sentence);
    for (char *c = err->text; *c != '\0'; c++) {
        if ((unsigned char)*c < ' ' || *c == '\x7f') {
            *c = '?';
        }
    }
    return code;
}
