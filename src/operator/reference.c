#include "operator/reference.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/error.h"
#include "base/param.h"
#include "operator/registry.h"

static const char *const kinds[] = {
    [BRUME_ANY] = "anything",      [BRUME_BYTES] = "bytes",       [BRUME_PICTURE] = "picture",
    [BRUME_TENSORS] = "tensors",   [BRUME_BOXES] = "boxes",       [BRUME_VALUE] = "values",
    [BRUME_READINGS] = "readings", [BRUME_MESSAGES] = "messages",
};

const char *operator_kind_name(enum brume_kind kind)
{
    return (size_t)kind < sizeof(kinds) / sizeof(*kinds) ? kinds[kind] : "unknown";
}

/* A table's cells are divided by |. */
static void write_cell(FILE *file, const char *text)
{
    for (; text != NULL && *text != '\0'; text++) {
        fprintf(file, *text == '|' ? "\\%c" : "%c", *text);
    }
}

static void write_ports(FILE *file, const char *title, const struct brume_port *ports)
{
    for (const struct brume_port *port = ports; port != NULL && port->name != NULL; port++) {
        fprintf(file, "- %s `%s`: %s. %s\n", title, port->name, operator_kind_name(port->kind),
                port->help != NULL ? port->help : "");
    }
}

static void write_range(FILE *file, const struct brume_param *param)
{
    if (param->kind == BRUME_CHOICE) {
        write_cell(file, param->choices);
    } else if (param->least != 0 || param->most != 0) {
        fprintf(file, "%s, %g to %g", param_kind_name(param->kind), param->least, param->most);
    } else {
        fprintf(file, "%s", param_kind_name(param->kind));
    }
}

static void write_params(FILE *file, const struct brume_param *params)
{
    if (params == NULL || params->name == NULL) {
        return;
    }
    fprintf(file, "\n| parameter | is | default | |\n|---|---|---|---|\n");
    for (const struct brume_param *param = params; param->name != NULL; param++) {
        fprintf(file, "| `%s` | ", param->name);
        write_range(file, param);
        if (param->fallback == NULL) {
            fprintf(file, " | needed | ");
        } else if (*param->fallback == '\0') {
            fprintf(file, " | | ");
        } else {
            fprintf(file, " | `");
            write_cell(file, param->fallback);
            fprintf(file, "` | ");
        }
        write_cell(file, param->help);
        fprintf(file, " |\n");
    }
}

void operator_reference_one(FILE *file, const struct brume_operator *type)
{
    fprintf(file, "\n## %s\n\n%s.\n\n", type->name, type->summary);
    write_ports(file, "in", type->inputs);
    write_ports(file, "out", type->outputs);
    if ((type->flags & BRUME_STATEFUL) != 0) {
        fprintf(file, "- It must see every frame in order, and is never replicated.\n");
    }
    if ((type->flags & BRUME_MERGES) != 0) {
        fprintf(file, "- Of its inputs all but the first may be left out.\n");
    }
    write_params(file, type->params);
}

int operator_reference(FILE *file, struct error *err)
{
    const char *name;

    fprintf(file, "# Operators\n\n"
                  "Made from the operators' own tables by `brume operators --markdown`; "
                  "do not edit.\n");
    for (size_t i = 0; (name = registry_name(i)) != NULL; i++) {
        const struct brume_operator *type;
        int ret = registry_find(name, &type, err);

        if (ret < 0) {
            return ret;
        }
        if (!registry_is_foreign(name)) {
            operator_reference_one(file, type);
        }
    }
    return ferror(file) ? error_set(err, -EIO, "cannot write the reference") : 0;
}
