/* `in`: which output each input port reads, by name, and whether the two fit. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"
#include "graph/deployment.h"
#include "graph/manifest_internal.h"

static const char *kind_name(enum brume_kind kind)
{
    static const char *const names[] = {
        [BRUME_ANY] = "anything",      [BRUME_BYTES] = "bytes",
        [BRUME_PICTURE] = "a picture", [BRUME_TENSORS] = "tensors",
        [BRUME_BOXES] = "boxes",       [BRUME_VALUE] = "a value",
        [BRUME_READINGS] = "readings", [BRUME_MESSAGES] = "messages"};

    return (size_t)kind < sizeof(names) / sizeof(*names) ? names[kind] : "something unknown";
}

static size_t count_ports(const struct brume_port *ports)
{
    size_t n = 0;

    while (ports != NULL && ports[n].name != NULL && n < DEPLOYMENT_PORTS_MAX) {
        n++;
    }
    return n;
}

static int find_operator(const struct manifest_reader *reader, const struct yaml_node *node,
                         const char *name, unsigned *ret_index, struct error *err)
{
    const struct graph *graph = reader->graph;
    const char *names[GRAPH_OPERATORS_MAX];

    for (size_t i = 0; i < graph->n_operators; i++) {
        names[i] = graph->operators[i].name;
        if (strcmp(names[i], name) == 0) {
            *ret_index = (unsigned)i;
            return 0;
        }
    }
    const char *nearest = text_nearest(name, names, graph->n_operators);
    return yaml_fail(node, err, -EINVAL, "there is no operator called '%.64s'%s%s%s", name,
                     nearest == NULL ? "" : " (did you mean '", nearest == NULL ? "" : nearest,
                     nearest == NULL ? "" : "'?)");
}

/* The text of the parameter that names output ports: "CO,NOx"; "" when none does. */
static const char *port_list(const struct graph_operator *from)
{
    const char *key = from->type->port_names;

    for (size_t i = 0; key != NULL && i < from->n_params; i++) {
        if (strcmp(from->params[i].name, key) == 0) {
            return from->params[i].value;
        }
    }
    return "";
}

/* What the output ports are called; `list` holds those that a parameter names. */
static size_t output_names(const struct graph_operator *from, char *list, const char **names)
{
    size_t n = count_ports(from->type->outputs), i = 0;

    for (char *name; i < n && (name = strsep(&list, ",")) != NULL; i++) {
        name += strspn(name, " ");
        name[strcspn(name, " ")] = '\0';
        names[i] = name;
    }
    for (; i < n; i++) {
        names[i] = from->type->outputs[i].name;
    }
    return n;
}

static int find_port(const struct graph_operator *from, const struct yaml_node *node,
                     const char *name, unsigned *ret_port, struct error *err)
{
    cleanup(memory_free) char *list = memory_text(port_list(from));
    const char *names[DEPLOYMENT_PORTS_MAX];
    size_t n = output_names(from, *list != '\0' ? list : NULL, names);

    for (size_t i = 0; i < n; i++) {
        if (strcmp(names[i], name) == 0) {
            *ret_port = (unsigned)i;
            return 0;
        }
    }
    const char *nearest = text_nearest(name, names, n);
    return yaml_fail(node, err, -EINVAL, "'%s' has no output '%.64s' (%s '%s'%s)", from->name,
                     name, nearest == NULL ? "its first is" : "did you mean",
                     nearest == NULL ? names[0] : nearest, nearest == NULL ? "" : "?");
}

/* "detect" or "detect.scores" */
static int find_output(const struct manifest_reader *reader, const struct yaml_node *node,
                       struct graph_input *ret_input, struct error *err)
{
    cleanup(memory_free) char *name = memory_text(node->text);
    char *dot = strchr(name, '.');
    struct graph_input input = {.place = {.line = node->line, .column = node->column}};

    if (dot != NULL) {
        *dot = '\0';
    }
    int code = find_operator(reader, node, name, &input.operator, err);
    if (code < 0) {
        return code;
    }
    const struct graph_operator *from = &reader->graph->operators[input.operator];
    if (count_ports(from->type->outputs) == 0) {
        return yaml_fail(node, err, -EINVAL, "'%s' is a sink: it gives nothing to read",
                         from->name);
    }
    if (dot != NULL) {
        code = find_port(from, node, dot + 1, &input.port, err);
        if (code < 0) {
            return code;
        }
    }
    *ret_input = input;
    return 0;
}

static int check_kinds(const struct graph *graph, const struct graph_operator *step,
                       size_t port, const struct yaml_node *node, struct error *err)
{
    const struct graph_input *input = &step->inputs[port];
    const struct graph_operator *from = &graph->operators[input->operator];
    enum brume_kind given = from->type->outputs[input->port].kind;
    enum brume_kind taken = step->type->inputs[port].kind;

    if (given == taken || given == BRUME_ANY || taken == BRUME_ANY) {
        return 0;
    }
    return yaml_fail(node, err, -EINVAL, "'%s' gives %s, but input '%s' of '%s' takes %s",
                     node->text, kind_name(given), step->type->inputs[port].name, step->name,
                     kind_name(taken));
}

/* "(picture, boxes)" */
static char *port_names(const struct brume_port *ports, size_t n)
{
    char *text = memory_text("(");

    for (size_t i = 0; i < n; i++) {
        char *longer = memory_format("%s%s%s", text, ports[i].name, i + 1 < n ? ", " : ")");
        free(text);
        text = longer;
    }
    return text;
}

static int check_count(const struct manifest_reader *reader, size_t index, struct error *err)
{
    const struct yaml_node *node = manifest_node(reader, index);
    const struct yaml_node *in = yaml_get(node, "in");
    const struct graph_operator *step = &reader->graph->operators[index];
    size_t n = in == NULL ? 0 : in->n, wanted = count_ports(step->type->inputs);
    bool merges = (step->type->flags & BRUME_MERGES) != 0;

    if (n == wanted || (merges && n > 0 && n < wanted)) {
        return 0;
    }
    if (wanted == 0) {
        return yaml_fail(in, err, -EINVAL, "'%s' is a source: it has no 'in'", step->name);
    }
    cleanup(memory_free) char *names = port_names(step->type->inputs, wanted);
    return yaml_fail(in == NULL ? node : in, err, -EINVAL,
                     "'%s' has %s%zu input%s %s, but 'in' names %zu", step->name,
                     merges ? "1 to " : "", wanted, wanted == 1 ? "" : "s", names, n);
}

int manifest_read_edges(struct manifest_reader *reader, size_t index, struct error *err)
{
    const struct yaml_node *in = yaml_get(manifest_node(reader, index), "in");
    struct graph_operator *step = &reader->graph->operators[index];

    int code = check_count(reader, index, err);
    if (code < 0 || in == NULL) {
        return code;
    }
    step->inputs = memory_new(in->n, sizeof(*step->inputs));
    for (size_t i = 0; i < in->n && code == 0; i++) {
        code = find_output(reader, in->pairs[i].value, &step->inputs[i], err);
        if (code == 0) {
            step->n_inputs++;
            code = check_kinds(reader->graph, step, i, in->pairs[i].value, err);
        }
    }
    return code;
}
