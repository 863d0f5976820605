#include "cli/operators_show.h"

#include <stdbool.h>
#include <string.h>

#include "base/memory.h"
#include "base/param.h"
#include "operator/reference.h"

static bool is_limited(const struct brume_param *row)
{
    return row->least != 0 || row->most != 0;
}

static json_t *ports_json(const struct brume_port *ports)
{
    json_t *list = json_array();

    for (; ports != NULL && ports->name != NULL; ports++) {
        json_array_append_new(list,
                              json_pack("{ssssss}", "name", ports->name, "kind",
                                        operator_kind_name(ports->kind), "help", ports->help));
    }
    return list;
}

static json_t *choices_json(const char *choices)
{
    json_t *list = json_array();

    while (*choices != '\0') {
        size_t size = strcspn(choices, "|");

        json_array_append_new(list, json_stringn(choices, size));
        choices += size + (choices[size] == '|');
    }
    return list;
}

static json_t *param_json(const struct brume_param *row)
{
    json_t *object = json_pack("{ssssssss*sb}", "name", row->name, "kind",
                               param_kind_name(row->kind), "help", row->help, "default",
                               row->fallback, "required", row->fallback == NULL);

    if (row->choices != NULL) {
        json_object_set_new(object, "choices", choices_json(row->choices));
    }
    if (is_limited(row)) {
        json_object_set_new(object, "least", json_real(row->least));
        json_object_set_new(object, "most", json_real(row->most));
    }
    return object;
}

json_t *operators_json(const struct brume_operator *type)
{
    json_t *params = json_array();

    for (const struct brume_param *row = type->params; row != NULL && row->name != NULL;
         row++) {
        json_array_append_new(params, param_json(row));
    }
    return json_pack("{sssssbsososo}", "name", type->name, "summary", type->summary, "stateful",
                     (type->flags & BRUME_STATEFUL) != 0, "inputs", ports_json(type->inputs),
                     "outputs", ports_json(type->outputs), "parameters", params);
}

/* How a value is written: "none|sigmoid", "integer, 1 to 100". Malloc'ed. */
static char *form(const struct brume_param *row)
{
    char *text = memory_text(param_kind_name(row->kind));

    if (row->choices != NULL) {
        memory_free(&text);
        text = memory_text(row->choices);
    } else if (is_limited(row)) {
        cleanup(memory_free) char *kind = text;
        text = memory_format("%s, %g to %g", kind, row->least, row->most);
    }
    return text;
}

static const char *fallback(const struct brume_param *row)
{
    if (row->fallback == NULL) {
        return "required";
    }
    return row->fallback[0] == '\0' ? "none" : row->fallback;
}

static void text_ports(const char *which, const struct brume_port *ports, FILE *out)
{
    for (; ports != NULL && ports->name != NULL; ports++) {
        fprintf(out, "  %-7s %-10s %-8s %s\n", which, ports->name,
                operator_kind_name(ports->kind), ports->help);
    }
}

void operators_text(const struct brume_operator *type, FILE *out)
{
    fprintf(out, "%s: %s%s\n\n", type->name, type->summary,
            (type->flags & BRUME_STATEFUL) != 0 ? "; it sees every frame, in order" : "");
    text_ports("input", type->inputs, out);
    text_ports("output", type->outputs, out);
    if (type->params != NULL && type->params->name != NULL) {
        fprintf(out, "\n  %-12s %-24s %-13s %s\n", "PARAMETER", "FORM", "DEFAULT", "MEANING");
    }
    for (const struct brume_param *row = type->params; row != NULL && row->name != NULL;
         row++) {
        cleanup(memory_free) char *how = form(row);

        fprintf(out, "  %-12s %-24s %-13s %s\n", row->name, how, fallback(row), row->help);
    }
}
