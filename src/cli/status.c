#include "cli/status.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/cell.h"

enum { DIGITS = 12 };

static const char *const forms[] = {[STATUS_TABLE] = "",
                                    [STATUS_WIDE] = "wide",
                                    [STATUS_JSON] = "json",
                                    [STATUS_YAML] = "yaml"};

int status_parse_form(const char *text, enum status_form *ret_form)
{
    for (size_t i = STATUS_WIDE; i < sizeof(forms) / sizeof(*forms); i++) {
        if (strcmp(forms[i], text) == 0) {
            *ret_form = (enum status_form)i;
            return 0;
        }
    }
    return -EINVAL;
}

enum status_outcome status_outcome(const json_t *status)
{
    const char *phase = cell_text(status, "phase");
    const json_t *conditions = json_object_get(status, "conditions"), *condition;
    bool over = strcmp(phase, "Running") == 0 || strcmp(phase, "Finished") == 0;
    bool bad = !json_is_array(conditions) && *cell_text(status, "message") != '\0';
    size_t i;

    if (strcmp(phase, "Deleted") == 0) {
        return STATUS_BAD;
    }
    if (json_is_false(json_object_get(status, "observed"))) {
        return STATUS_OPEN;
    }
    if (strcmp(phase, "Failed") == 0 || strcmp(phase, "Refused") == 0) {
        return *phase == 'F' ? STATUS_BAD : STATUS_REFUSED;
    }
    json_array_foreach(conditions, i, condition)
    {
        bad = bad || (strcmp(cell_text(condition, "reason"), "UpdateUndone") == 0 &&
                      strcmp(cell_text(condition, "status"), "True") == 0);
    }
    return !over ? STATUS_OPEN : bad ? STATUS_BAD : STATUS_GOOD;
}

const char *status_reason(const json_t *status)
{
    bool deleted = strcmp(cell_text(status, "phase"), "Deleted") == 0;
    const char *message = deleted ? "" : cell_text(status, "message");

    return *message != '\0' ? message : deleted ? "it was deleted" : "it failed";
}

/* Where it does not say which devices it has, its stages do. */
static size_t count_devices(const json_t *status)
{
    const json_t *devices = json_object_get(status, "devices");
    cleanup(json_decrefp) json_t *seen = json_object();
    json_t *stage;
    size_t i;

    json_array_foreach(json_object_get(status, "stages"), i, stage)
    {
        json_object_set_new(seen, cell_text(stage, "device"), json_true());
    }
    return json_is_array(devices) ? json_array_size(devices) : json_object_size(seen);
}

static void print_row(const json_t *status, bool wide)
{
    char rate[CELL_TEXT], predicted[CELL_TEXT], delivered[CELL_TEXT], age[CELL_TEXT];

    printf("%-20s %-10s %8s %9s %10s %5s", cell_text(status, "name"),
           cell_text(status, "phase"), cell_number(status, "rate", 1, 2, rate),
           cell_number(json_object_get(status, "predicted"), "rate", 1, 2, predicted),
           cell_number(status, "delivered", 1, 0, delivered),
           cell_age(status, "age_seconds", age));
    if (wide) {
        printf(" %-10s %6zu %7zu   %s", cell_text(status, "fabric"),
               json_array_size(json_object_get(status, "stages")), count_devices(status),
               cell_text(status, "message"));
    }
    putchar('\n');
}

static void print_indent(int depth)
{
    printf("%*s", 2 * depth, "");
}

/* Scalars of JSON are scalars of YAML. */
static void print_scalar(const json_t *value)
{
    json_dumpf(value, stdout, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(DIGITS));
    putchar('\n');
}

static bool is_nested(const json_t *value)
{
    return json_object_size(value) > 0 || json_array_size(value) > 0;
}

/* `first`: what introduces it stands on the line already. */
static void print_yaml(const json_t *value, int depth, bool first) // NOLINT(misc-no-recursion)
{
    const char *key;
    json_t *item;
    size_t i;

    json_object_foreach((json_t *)(uintptr_t)value, key, item)
    {
        print_indent(first ? 0 : depth);
        first = false;
        printf("%s:%s", key, is_nested(item) ? "\n" : " ");
        if (is_nested(item)) {
            print_yaml(item, depth + 1, false);
        } else {
            print_scalar(item);
        }
    }
    json_array_foreach(value, i, item)
    {
        print_indent(first ? 0 : depth);
        first = false;
        printf("- ");
        if (is_nested(item)) {
            print_yaml(item, depth + 1, true);
        } else {
            print_scalar(item);
        }
    }
}

static void print_table(const json_t *items, bool wide, bool head)
{
    json_t *status;
    size_t i;

    if (head && json_array_size(items) == 0) {
        fprintf(stderr, "no applications\n");
        return;
    }
    if (head) {
        printf("%-20s %-10s %8s %9s %10s %5s", "NAME", "PHASE", "RATE", "PREDICTED",
               "DELIVERED", "AGE");
        printf("%s\n", wide ? " FABRIC     STAGES DEVICES   MESSAGE" : "");
    }
    json_array_foreach(items, i, status)
    {
        print_row(status, wide);
    }
}

void status_print(const json_t *items, enum status_form form, bool head, bool single)
{
    const json_t *shown = single ? json_array_get(items, 0) : items;

    if (form == STATUS_JSON) {
        json_dumpf(shown, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(DIGITS));
        putchar('\n');
    } else if (form == STATUS_YAML) {
        print_yaml(shown, 0, false);
    } else {
        print_table(items, form == STATUS_WIDE, head);
    }
    fflush(stdout);
}
