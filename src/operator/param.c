#include "operator/param.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/error.h"
#include "base/quantity.h"

static const struct {
    const char *name, *example;
} kinds[] = {
    [BRUME_TEXT] = {"text", "some text"},
    [BRUME_INTEGER] = {"integer", "a whole number such as 3"},
    [BRUME_NUMBER] = {"number", "a number such as 0.5"},
    [BRUME_SWITCH] = {"switch", "true or false"},
    [BRUME_SIZE] = {"size", "width x height in pixels such as 416x416"},
    [BRUME_RATE] = {"rate", "a rate such as 5/s or 300/min"},
    [BRUME_DURATION] = {"duration", "a duration such as 100ms, 2s or 1min"},
    [BRUME_CHOICE] = {"choice", "one of the choices"},
    [BRUME_NUMBERS] = {"numbers", "a list of numbers"},
    [BRUME_FILE] = {"file", "a file"},
    [BRUME_FILES] = {"files", "a file, a folder or a glob"},
    [BRUME_PATH] = {"path", "a path"},
};

const char *param_kind_name(enum brume_param_kind kind)
{
    return (size_t)kind < sizeof(kinds) / sizeof(*kinds) ? kinds[kind].name : "unknown";
}

const struct brume_param *param_find(const struct brume_operator *type, const char *name)
{
    for (const struct brume_param *row = type->params; row != NULL && row->name != NULL;
         row++) {
        if (strcmp(row->name, name) == 0) {
            return row;
        }
    }
    return NULL;
}

static bool in_choices(const char *choices, const char *value)
{
    size_t size = strlen(value);

    for (const char *at = choices; at != NULL && *at != '\0';) {
        size_t length = strcspn(at, "|");

        if (length == size && memcmp(at, value, size) == 0) {
            return true;
        }
        at += length + (at[length] == '|');
    }
    return false;
}

static int check_range(const struct brume_param *row, double value, struct error *err)
{
    bool bounded = row->least != 0 || row->most != 0;

    if (bounded && (value < row->least || value > row->most)) {
        return error_set(err, -EINVAL, "'%s' must be between %g and %g, not %g", row->name,
                         row->least, row->most, value);
    }
    return 0;
}

/* Understands `value` as its kind; the number in it, for the range, where there is one. */
static int understand(const struct brume_param *row, const char *value, double *ret_number)
{
    int64_t integer;
    uint32_t side;
    size_t n;
    bool on;
    int ret;

    switch (row->kind) {
    case BRUME_INTEGER:
        ret = quantity_integer(value, &integer);
        *ret_number = ret == 0 ? (double)integer : 0;
        return ret;
    case BRUME_NUMBER:
        return quantity_number(value, ret_number);
    case BRUME_RATE:
        return quantity_rate(value, ret_number);
    case BRUME_DURATION:
        return quantity_duration(value, ret_number);
    case BRUME_SWITCH:
        return quantity_switch(value, &on);
    case BRUME_SIZE:
        return quantity_size(value, &side, &side);
    case BRUME_NUMBERS:
        return quantity_numbers(value, 0, NULL, &n);
    case BRUME_CHOICE:
        return in_choices(row->choices, value) ? 0 : -EINVAL;
    case BRUME_TEXT:
    case BRUME_FILE:
    case BRUME_FILES:
    case BRUME_PATH:
        return 0;
    }
    return -EINVAL;
}

int param_check(const struct brume_param *row, const char *value, struct error *err)
{
    double number = 0;

    if (*value == '\0' && row->fallback != NULL && *row->fallback == '\0') {
        return 0;
    }
    if (understand(row, value, &number) < 0) {
        if (row->kind == BRUME_CHOICE) {
            return error_set(err, -EINVAL, "'%s' must be one of %s, not '%s'", row->name,
                             row->choices, value);
        }
        return error_set(err, -EINVAL, "'%s' must be %s, not '%s'", row->name,
                         kinds[row->kind].example, value);
    }
    switch (row->kind) {
    case BRUME_INTEGER:
    case BRUME_NUMBER:
    case BRUME_RATE:
    case BRUME_DURATION:
        return check_range(row, number, err);
    default:
        return 0;
    }
}
