#include "base/param.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/quantity.h"
#include "base/text.h"

enum { CHOICES_MAX = 64, CHOICE_SIZE = 64 };

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
    [BRUME_FOLDER] = {"folder", "a folder"},
};

bool param_is_written(const struct brume_param *row)
{
    return row->kind == BRUME_PATH || row->kind == BRUME_FOLDER;
}

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

/* Looks for `value` in "one|two|three": 0, or -EINVAL and the nearest, or "". */
static int find_choice(const char *choices, const char *value, char *ret_nearest)
{
    cleanup(memory_free) char *list = memory_text(choices);
    const char *names[CHOICES_MAX];
    char *rest = NULL;
    size_t n = 0;

    for (char *name = strtok_r(list, "|", &rest); name != NULL && n < CHOICES_MAX;
         name = strtok_r(NULL, "|", &rest)) {
        if (strcmp(name, value) == 0) {
            return 0;
        }
        names[n++] = name;
    }
    const char *nearest = text_nearest(value, names, n);
    snprintf(ret_nearest, CHOICE_SIZE, "%s", nearest == NULL ? "" : nearest);
    return -EINVAL;
}

static int check_choice(const struct brume_param *row, const char *value, struct error *err)
{
    char nearest[CHOICE_SIZE];

    if (find_choice(row->choices, value, nearest) == 0) {
        return 0;
    }
    return error_set(err, -EINVAL, "'%s' must be one of %s, not '%.64s'%s%s%s", row->name,
                     row->choices, value, *nearest == '\0' ? "" : " (did you mean '", nearest,
                     *nearest == '\0' ? "" : "'?)");
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
    case BRUME_TEXT:
    case BRUME_FILE:
    case BRUME_FILES:
    case BRUME_PATH:
    case BRUME_FOLDER:
        return 0;
    }
    return -EINVAL;
}

/* Digits, an x, digits: what is wrong with it is how large it is. */
static bool looks_like_size(const char *value)
{
    size_t width = strspn(value, "0123456789");
    size_t height = value[width] == 'x' ? strspn(value + width + 1, "0123456789") : 0;

    return width > 0 && height > 0 && value[width + 1 + height] == '\0';
}

int param_check(const struct brume_param *row, const char *value, struct error *err)
{
    double number = 0;

    if (*value == '\0' && row->fallback != NULL && *row->fallback == '\0') {
        return 0;
    }
    if (row->kind == BRUME_CHOICE) {
        return check_choice(row, value, err);
    }
    if (understand(row, value, &number) < 0 && row->kind == BRUME_SIZE &&
        looks_like_size(value)) {
        return error_set(err, -EINVAL,
                         "'%s' must be 1 to 65535 pixels wide and high, not '%.64s'", row->name,
                         value);
    }
    if (understand(row, value, &number) < 0) {
        return error_set(err, -EINVAL, "'%s' must be %s, not '%.64s'", row->name,
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
