#include "cli/status.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

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

static const char *text(const json_t *json, const char *key)
{
    const char *value = json_string_value(json_object_get(json, key));

    return value != NULL ? value : "";
}

/* "-" where there is none. */
static const char *number(const json_t *json, const char *key, int decimals,
                          char ret_text[static 32])
{
    const json_t *value = json_object_get(json, key);

    if (json_is_number(value)) {
        snprintf(ret_text, 32, "%.*f", decimals, json_number_value(value));
    } else {
        snprintf(ret_text, 32, "-");
    }
    return ret_text;
}

/* "42s", "7m", "3h", "9d", as kubectl has it. */
static const char *age(double seconds, char ret_text[static 32])
{
    static const struct {
        double size;
        char unit;
    } units[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};
    size_t i = 0;

    while (i < 3 && seconds < 2 * units[i].size) {
        i++;
    }
    snprintf(ret_text, 32, "%.0f%c", seconds / units[i].size, units[i].unit);
    return ret_text;
}

static void print_row(const json_t *status, bool wide)
{
    char rate[32], predicted[32], delivered[32], old[32];

    printf("%-20s %-10s %8s %9s %10s %5s", text(status, "name"), text(status, "phase"),
           number(status, "rate", 2, rate),
           number(json_object_get(status, "predicted"), "rate", 2, predicted),
           number(status, "delivered", 0, delivered),
           age(json_number_value(json_object_get(status, "age_seconds")), old));
    if (wide) {
        printf(" %-8s %6zu %7zu   %s", text(status, "fabric"),
               json_array_size(json_object_get(status, "stages")),
               json_array_size(json_object_get(status, "devices")), text(status, "message"));
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
    json_dumpf(value, stdout, JSON_ENCODE_ANY | JSON_COMPACT);
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
        printf("%s\n", wide ? " FABRIC   STAGES DEVICES   MESSAGE" : "");
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
        json_dumpf(shown, stdout, JSON_INDENT(2));
        putchar('\n');
    } else if (form == STATUS_YAML) {
        print_yaml(shown, 0, false);
    } else {
        print_table(items, form == STATUS_WIDE, head);
    }
    fflush(stdout);
}

static void print_stages(const json_t *status)
{
    char rate[32], busy[32];
    json_t *stage;
    size_t i;

    json_array_foreach(json_object_get(status, "stages"), i, stage)
    {
        printf("  %-20s %-12s %8s frames/s %6s busy\n", text(stage, "name"),
               text(stage, "device"), number(stage, "rate", 1, rate),
               number(stage, "busy", 2, busy));
    }
}

void status_describe(const json_t *status)
{
    const json_t *predicted = json_object_get(status, "predicted");
    char rate[32], wanted[32], delivered[32], old[32];

    printf("Name:       %s\nPhase:      %s\n", text(status, "name"), text(status, "phase"));
    if (*text(status, "message") != '\0') {
        printf("Message:    %s\n", text(status, "message"));
    }
    printf("Fabric:     %s\nCreated:    %s (%s ago)\n", text(status, "fabric"),
           text(status, "created"),
           age(json_number_value(json_object_get(status, "age_seconds")), old));
    printf("Delivered:  %s frames\nRate:       %s frames/s (predicted %s)\n",
           number(status, "delivered", 0, delivered), number(status, "rate", 2, rate),
           number(predicted, "rate", 2, wanted));
    if (json_array_size(json_object_get(status, "stages")) > 0) {
        printf("Stages:\n");
        print_stages(status);
    }
    json_t *devices = json_object_get(status, "devices"), *device;
    size_t i;
    if (json_array_size(devices) > 0) {
        printf("Devices:\n");
    }
    json_array_foreach(devices, i, device)
    {
        printf("  %-20s %.2f cores, %.1f MB used\n", text(device, "name"),
               json_number_value(json_object_get(device, "cores")),
               json_number_value(json_object_get(device, "memory")) / 1e6);
    }
}

void status_print_load(const json_t *items)
{
    char rate[32], busy[32], queue[32];
    json_t *status, *stage;
    size_t i, j;

    printf("%-20s %-20s %-12s %9s %6s %6s\n", "APPLICATION", "STAGE", "DEVICE", "FRAMES/S",
           "BUSY", "QUEUE");
    json_array_foreach(items, i, status)
    {
        json_array_foreach(json_object_get(status, "stages"), j, stage)
        {
            printf("%-20s %-20s %-12s %9s %6s %6s\n", text(status, "name"), text(stage, "name"),
                   text(stage, "device"), number(stage, "rate", 1, rate),
                   number(stage, "busy", 2, busy), number(stage, "queue", 0, queue));
        }
    }
    fflush(stdout);
}
