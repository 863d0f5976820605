#include <argp.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <sysexits.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/operators_show.h"
#include "operator/reference.h"
#include "operator/registry.h"

enum { OPTION_JSON = 256, OPTION_MARKDOWN };

static const struct argp_option options[] = {
    {"json", OPTION_JSON, NULL, 0, "As JSON", 0},
    {"markdown", OPTION_MARKDOWN, NULL, 0, "As Markdown: docs/operators.md is made so", 0},
    {0},
};

struct arguments {
    const char *name; /* NULL: all */
    bool json, markdown;
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct arguments *arguments = state->input;

    switch (key) {
    case OPTION_JSON:
        arguments->json = true;
        return 0;
    case OPTION_MARKDOWN:
        arguments->markdown = true;
        return 0;
    case ARGP_KEY_ARG:
        if (state->arg_num > 0) {
            argp_error(state, "one operator at a time, or none for the list");
        }
        arguments->name = argument;
        return 0;
    case ARGP_KEY_END:
        if (arguments->json && arguments->markdown) {
            argp_error(state, "--json and --markdown do not go together");
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp argp = {
    options,
    parse,
    "[NAME]",
    "Lists the operators that manifests may use, or tells all about one: its ports and its "
    "parameters. Those of the folders in BRUME_OPERATORS are listed, too.",
    NULL,
    NULL,
    NULL};

static void print_ports(const struct brume_port *ports, char *text, size_t size)
{
    size_t used = (size_t)snprintf(text, size, "%s", ports == NULL ? "-" : "");

    for (size_t i = 0; ports != NULL && ports[i].name != NULL && used < size; i++) {
        int n = snprintf(text + used, size - used, "%s%s", i > 0 ? ", " : "",
                         operator_kind_name(ports[i].kind));
        used += (size_t)n;
    }
}

static void print_row(const struct brume_operator *type)
{
    char inputs[64];
    char outputs[64];

    print_ports(type->inputs, inputs, sizeof(inputs));
    print_ports(type->outputs, outputs, sizeof(outputs));
    printf("%-14s %-15s %-10s %s\n", type->name, inputs, outputs, type->summary);
}

/* What cannot be loaded is told on standard error and does not spoil the list. */
static int list(const struct arguments *arguments)
{
    json_t *all = json_array();
    const char *name;
    int code = EX_OK;

    if (!arguments->json) {
        printf("%-14s %-15s %-10s %s\n", "NAME", "INPUTS", "OUTPUTS", "SUMMARY");
    }
    for (size_t i = 0; (name = registry_name(i)) != NULL; i++) {
        const struct brume_operator *type = NULL;
        struct error err;

        if (registry_find(name, &type, &err) < 0) {
            code = command_fail(&err);
        } else if (arguments->json) {
            json_array_append_new(all, operators_json(type));
        } else {
            print_row(type);
        }
    }
    if (arguments->json) {
        json_dumpf(all, stdout, JSON_INDENT(2));
        putchar('\n');
    }
    json_decref(all);
    return code;
}

static int unknown(struct error *err, const char *wanted)
{
    cleanup(memory_free) const char **names = NULL;
    const char *name;
    size_t n = 0;

    while ((name = registry_name(n)) != NULL) {
        names = memory_grow(names, n, sizeof(*names));
        names[n++] = name;
    }
    const char *nearest = text_nearest(wanted, names, n);
    if (nearest != NULL) {
        error_set(err, -ENOENT, "unknown operator '%s' (did you mean '%s'?)", wanted, nearest);
    } else {
        error_set(err, -ENOENT, "unknown operator '%s'; `brume operators` lists them", wanted);
    }
    command_fail(err);
    return EX_USAGE;
}

static int tell(const struct arguments *arguments)
{
    const struct brume_operator *type = NULL;
    struct error err;
    int r = registry_find(arguments->name, &type, &err);

    if (r == -ENOENT) {
        return unknown(&err, arguments->name);
    }
    if (r < 0) {
        return command_fail(&err);
    }
    if (arguments->json) {
        json_t *object = operators_json(type);
        json_dumpf(object, stdout, JSON_INDENT(2));
        putchar('\n');
        json_decref(object);
    } else if (arguments->markdown) {
        operator_reference_one(stdout, type);
    } else {
        operators_text(type, stdout);
    }
    return EX_OK;
}

static int write_all(void)
{
    struct error err;

    return operator_reference(stdout, &err) < 0 ? command_fail(&err) : EX_OK;
}

static int operators(int argc, char **argv)
{
    struct arguments arguments = {0};

    argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    if (arguments.markdown && arguments.name == NULL) {
        return write_all();
    }
    return arguments.name != NULL ? tell(&arguments) : list(&arguments);
}

const struct command command_operators = {"operators", "List operators, or explain one",
                                          operators};
