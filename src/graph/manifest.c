#include "graph/manifest.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/quantity.h"
#include "base/text.h"
#include "graph/manifest_internal.h"
#include "graph/manifest_keys.h"

enum { DEVICE_LENGTH_MAX = 253, NAMES_MAX = 1024 };

#define LATENCY_MOST_SECONDS 86400.0

const struct yaml_node *manifest_node(const struct manifest_reader *reader, size_t index)
{
    return reader->operators->pairs[index].value;
}

static int read_label(const struct yaml_node *node, const char *what, char **ret_label,
                      struct error *err)
{
    if (!text_is_label(node->text)) {
        return yaml_fail(node, err, -EINVAL,
                         "%s '%.64s' must be 1 to 63 of a-z, 0-9 and -, with neither end a -",
                         what, node->text);
    }
    *ret_label = memory_text(node->text);
    return 0;
}

static int fail_form(const struct yaml_node *node, const char *key, const char *form,
                     struct error *err)
{
    return yaml_fail(node, err, -EINVAL, "'%s' must be %s, not '%.64s'", key, form,
                     node->text == NULL ? "" : node->text);
}

static int read_qos(const struct yaml_node *qos, struct graph *graph, struct error *err)
{
    const struct yaml_node *rate = yaml_get(qos, "rate"), *latency = yaml_get(qos, "latency");
    double seconds = 0;

    if (rate != NULL &&
        (quantity_rate(rate->text, &graph->qos_rate) < 0 || graph->qos_rate <= 0)) {
        return fail_form(rate, "rate", "a rate above 0 such as 5/s or 300/min", err);
    }
    if (latency == NULL) {
        return 0;
    }
    if (quantity_duration(latency->text, &seconds) < 0 || seconds <= 0 ||
        seconds > LATENCY_MOST_SECONDS) {
        return fail_form(latency, "latency", "a duration above 0 such as 2s or 100ms", err);
    }
    graph->qos_latency_ms = (uint64_t)ceil(seconds * 1000);
    return 0;
}

static int read_on(const struct yaml_node *on, struct graph_operator *step, struct error *err)
{
    const struct yaml_node *has = yaml_get(on, "has"), *device = yaml_get(on, "device");
    size_t n = has == NULL ? 0 : has->n;

    if (n > GRAPH_HAS_MAX) {
        return yaml_fail(has, err, -EINVAL, "'has' may list at most %d words", GRAPH_HAS_MAX);
    }
    step->has = memory_new(n, sizeof(*step->has));
    for (size_t i = 0; i < n; i++) {
        int code = read_label(has->pairs[i].value, "the word", &step->has[step->n_has++], err);
        if (code < 0) {
            return code;
        }
    }
    if (device == NULL) {
        return 0;
    }
    size_t length = strspn(device->text, "abcdefghijklmnopqrstuvwxyz0123456789-.");
    if (length == 0 || length > DEVICE_LENGTH_MAX || device->text[length] != '\0') {
        return fail_form(device, "device", "a name of a-z, 0-9, - and .", err);
    }
    step->device = memory_text(device->text);
    return 0;
}

static int read_cut(const struct yaml_node *cut, struct graph_operator *step, struct error *err)
{
    if (!graph_is_model(step)) {
        return yaml_fail(cut, err, -EINVAL, "only an operator with `use: model` has a 'cut'");
    }
    if (cut->kind == YAML_TEXT) {
        int choice = yaml_choice(cut, "cut", "auto|none", err);
        step->cut_pinned = choice == 1;
        return choice < 0 ? choice : 0;
    }
    if (cut->n == 0 || cut->n > GRAPH_CUTS_MAX) {
        return yaml_fail(cut, err, -EINVAL, "'cut' may list 1 to %d cuts, not %zu",
                         GRAPH_CUTS_MAX, cut->n);
    }
    step->cut_pinned = true;
    step->cuts = memory_new(cut->n, sizeof(*step->cuts));
    for (size_t i = 0; i < cut->n; i++) {
        const struct yaml_node *item = cut->pairs[i].value;
        int64_t at = 0, least = i == 0 ? 1 : (int64_t)step->cuts[i - 1] + 1;
        if (quantity_integer(item->text, &at) < 0 || at < least || at > UINT16_MAX) {
            return yaml_fail(item, err, -EINVAL,
                             "a cut must be a whole number from %lld to %d, not '%.64s'",
                             (long long)least, UINT16_MAX, item->text);
        }
        step->cuts[step->n_cuts++] = (unsigned)at;
    }
    return 0;
}

static int read_link(const struct yaml_node *link, struct graph_operator *step,
                     struct error *err)
{
    int choice = yaml_choice(link, "link", "exact|f16|u8", err);

    if (choice > 0 && !graph_is_model(step)) {
        return yaml_fail(link, err, -EINVAL,
                         "only an operator with `use: model` has tensors that can be packed");
    }
    step->link = choice > 0 ? (enum graph_link)choice : GRAPH_LINK_EXACT;
    return choice < 0 ? choice : 0;
}

static int read_replicas(const struct yaml_node *replicas, struct graph_operator *step,
                         struct error *err)
{
    int64_t n = 0;

    if (strcmp(replicas->text, "auto") == 0) {
        return 0;
    }
    /* What kubectl makes of `off`. */
    if (strcmp(replicas->text, "off") == 0 || strcmp(replicas->text, "false") == 0) {
        step->replicas = 1;
        return 0;
    }
    if (quantity_integer(replicas->text, &n) < 0 || n < 1 || n > GRAPH_REPLICAS_MAX) {
        return fail_form(replicas, "replicas", "auto, off or a whole number from 1 to 64", err);
    }
    if (n > 1 && (step->type->flags & BRUME_STATEFUL) != 0) {
        return yaml_fail(replicas, err, -EINVAL,
                         "'%s' must see every frame in order: it cannot have replicas",
                         step->type->name);
    }
    step->replicas = (unsigned)n;
    return 0;
}

static int fail_unknown_operator(const struct manifest_reader *reader,
                                 const struct yaml_node *use, struct error *err)
{
    const char *names[NAMES_MAX];
    size_t n = 0;

    for (; n < NAMES_MAX; n++) {
        names[n] = reader->catalog->name(reader->catalog->owner, n);
        if (names[n] == NULL) {
            break;
        }
    }
    const char *nearest = text_nearest(use->text, names, n);
    if (nearest == NULL) {
        return yaml_fail(use, err, -EINVAL,
                         "unknown operator '%.64s' (`brume operators` lists them)", use->text);
    }
    return yaml_fail(use, err, -EINVAL, "unknown operator '%.64s' (did you mean '%s'?)",
                     use->text, nearest);
}

static int find_type(const struct manifest_reader *reader, const struct yaml_node *use,
                     const struct brume_operator **ret_type, struct error *err)
{
    struct error inner = {0};

    int code = reader->catalog->find(reader->catalog->owner, use->text, ret_type, &inner);
    if (code == -ENOENT) {
        return fail_unknown_operator(reader, use, err);
    }
    if (code < 0) {
        return yaml_fail(use, err, code, "operator '%.64s': %s", use->text, inner.text);
    }
    return 0;
}

static int read_name(struct manifest_reader *reader, size_t index, struct error *err)
{
    const struct yaml_node *name = yaml_get(manifest_node(reader, index), "name");
    struct graph_operator *step = &reader->graph->operators[index];

    int code = read_label(name, "the operator's name", &step->name, err);
    if (code < 0) {
        return code;
    }
    step->place = (struct graph_place){.line = name->line, .column = name->column};
    for (size_t i = 0; i < index; i++) {
        const struct graph_operator *other = &reader->graph->operators[i];
        if (strcmp(other->name, step->name) == 0) {
            return yaml_fail(name, err, -EINVAL,
                             "there is an operator called '%s' already, in line %u", step->name,
                             other->place.line);
        }
    }
    return 0;
}

static int read_operator(struct manifest_reader *reader, size_t index, struct error *err)
{
    const struct yaml_node *node = manifest_node(reader, index);
    const struct yaml_node *cut = yaml_get(node, "cut");
    const struct yaml_node *replicas = yaml_get(node, "replicas");
    const struct yaml_node *link = yaml_get(node, "link");
    struct graph_operator *step = &reader->graph->operators[index];

    int code = read_name(reader, index, err);
    if (code == 0) {
        code = find_type(reader, yaml_get(node, "use"), &step->type, err);
    }
    if (code == 0) {
        code = read_on(yaml_get(node, "on"), step, err);
    }
    if (code == 0 && cut != NULL) {
        code = read_cut(cut, step, err);
    }
    if (code == 0 && link != NULL) {
        code = read_link(link, step, err);
    }
    if (code == 0 && replicas != NULL) {
        code = read_replicas(replicas, step, err);
    }
    return code;
}

static int read_operators(struct manifest_reader *reader, struct error *err)
{
    struct graph *graph = reader->graph;
    size_t n = reader->operators->n;
    int code = 0;

    if (n == 0 || n > GRAPH_OPERATORS_MAX) {
        return yaml_fail(reader->operators, err, -EINVAL,
                         "'operators' must list 1 to %d operators, not %zu",
                         GRAPH_OPERATORS_MAX, n);
    }
    graph->operators = memory_new(n, sizeof(*graph->operators));
    for (size_t i = 0; i < n && code == 0; i++) {
        graph->n_operators = i + 1;
        code = read_operator(reader, i, err);
    }
    for (size_t i = 0; i < n && code == 0; i++) {
        code = manifest_read_params(reader, i, err);
    }
    for (size_t i = 0; i < n && code == 0; i++) {
        code = manifest_read_edges(reader, i, err);
    }
    return code == 0 ? manifest_order(reader, err) : code;
}

static int read_document(struct manifest_reader *reader, const struct yaml_node *root,
                         struct error *err)
{
    const struct yaml_node *spec = yaml_get(root, "spec");
    const struct yaml_node *objective = yaml_get(spec, "objective");
    struct graph *graph = reader->graph;

    int code = yaml_check(root, manifest_keys, err);
    if (code == 0) {
        code = read_label(yaml_get(yaml_get(root, "metadata"), "name"),
                          "the application's name", &graph->name, err);
    }
    if (code == 0 && objective != NULL) {
        int choice = yaml_choice(objective, "objective", MANIFEST_OBJECTIVES, err);
        code = choice < 0 ? choice : 0;
        graph->objective = choice < 0 ? GRAPH_THROUGHPUT : (enum graph_objective)choice;
    }
    if (code == 0) {
        code = read_qos(yaml_get(spec, "qos"), graph, err);
    }
    if (code == 0) {
        reader->operators = yaml_get(spec, "operators");
        code = read_operators(reader, err);
    }
    return code;
}

/* The catalog's check: shapes, and what only the operator itself knows of its parameters. */
static int check_operators(const struct manifest_catalog *catalog, const struct graph *graph,
                           struct error *err)
{
    for (size_t i = 0; catalog->check != NULL && i < graph->n_operators; i++) {
        const struct graph_operator *step = &graph->operators[i];
        struct error inner = {0};
        int code = catalog->check(catalog->owner, graph, i, &inner);
        if (code < 0) {
            struct yaml_node place = {
                .file = graph->file, .line = step->place.line, .column = step->place.column};
            return yaml_fail(&place, err, code, "operator '%s': %s", step->name, inner.text);
        }
    }
    return 0;
}

static char *folder_of(const char *path)
{
    cleanup(memory_free) char *folder = memory_text(path);
    char *slash = strrchr(folder, '/');

    if (slash == NULL) {
        return file_absolute(".");
    }
    slash[slash == folder ? 1 : 0] = '\0';
    return file_absolute(folder);
}

int manifest_parse(const char *path, const char *text, size_t size,
                   const struct manifest_catalog *catalog, struct graph **ret_graph,
                   struct error *err)
{
    cleanup(graph_destroyp) struct graph *graph = memory_new(1, sizeof(*graph));
    cleanup(yaml_destroyp) struct yaml_document *document = NULL;
    cleanup(memory_free) char *folder = folder_of(path);
    struct manifest_reader reader = {.catalog = catalog, .folder = folder, .graph = graph};

    graph->file = memory_text(path);
    int code = yaml_parse(path, text, size, &document, err);
    if (code == 0) {
        code = read_document(&reader, yaml_root(document), err);
    }
    if (code == 0) {
        code = check_operators(catalog, graph, err);
    }
    if (code < 0) {
        return code;
    }
    *ret_graph = STEAL(graph);
    return 0;
}

int manifest_load(const char *path, const struct manifest_catalog *catalog,
                  struct graph **ret_graph, struct error *err)
{
    cleanup(memory_free) void *text = NULL;
    size_t size = 0;

    int code = file_read(path, YAML_SIZE_MAX, &text, &size, err);
    if (code < 0) {
        return code;
    }
    return manifest_parse(path, text, size, catalog, ret_graph, err);
}
