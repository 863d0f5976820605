#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "cli/cell.h"
#include "cli/status.h"

enum { LIST_TEXT = 120 };

/* "Key:        value", unless there is none. */
static void print_fact(const char *key, const char *value)
{
    if (*value != '\0') {
        printf("%-11s %s\n", key, value);
    }
}

/* "4 groups on 3 devices": what a controller gives whole is too long here. */
static void print_plan(const json_t *status)
{
    const json_t *plan = json_object_get(status, "plan");
    size_t n_groups = json_array_size(json_object_get(plan, "groups"));
    size_t n_devices = json_array_size(json_object_get(plan, "devices"));

    print_fact("Plan:", cell_text(status, "summary"));
    if (json_is_object(plan)) {
        cleanup(memory_free) char *text =
            memory_format("%zu group%s on %zu device%s", n_groups, n_groups == 1 ? "" : "s",
                          n_devices, n_devices == 1 ? "" : "s");
        print_fact("Plan:", text);
    }
}

static void print_numbers(const json_t *status)
{
    const json_t *predicted = json_object_get(status, "predicted");
    const json_t *latency = json_object_get(status, "latency_ms");
    char one[CELL_TEXT], two[CELL_TEXT];

    printf("Delivered:  %s frames", cell_number(status, "delivered", 1, 0, one));
    if (json_is_number(json_object_get(status, "lost"))) {
        printf(", %s lost", cell_number(status, "lost", 1, 0, one));
    }
    printf("\nRate:       %s frames/s (predicted %s)\n", cell_number(status, "rate", 1, 2, one),
           cell_number(predicted, "rate", 1, 2, two));
    if (json_is_object(latency)) {
        printf("Latency:    p50 %s ms, p90 %s ms\n", cell_number(latency, "p50", 1, 0, one),
               cell_number(latency, "p90", 1, 0, two));
    }
}

static void print_stages(const json_t *status)
{
    const json_t *stages = json_object_get(status, "stages");
    char rate[CELL_TEXT], busy[CELL_TEXT], ready[CELL_TEXT], operators[LIST_TEXT];
    json_t *stage;
    size_t i;

    if (json_array_size(stages) == 0) {
        return;
    }
    printf("Stages:");
    if (json_is_number(json_object_get(status, "ready"))) {
        printf("     %s of %zu ready", cell_number(status, "ready", 1, 0, ready),
               json_array_size(stages));
    }
    putchar('\n');
    json_array_foreach(stages, i, stage)
    {
        printf("  %-20s %-12s %8s frames/s %6s busy   %s\n", cell_text(stage, "name"),
               cell_text(stage, "device"), cell_number(stage, "rate", 1, 1, rate),
               cell_number(stage, "busy", 1, 2, busy),
               cell_list(json_object_get(stage, "operators"), operators, sizeof(operators)));
    }
}

static void print_devices(const json_t *devices)
{
    json_t *device;
    size_t i;

    if (json_array_size(devices) > 0) {
        printf("Devices:\n");
    }
    json_array_foreach(devices, i, device)
    {
        printf("  %-20s %.2f cores, %.1f MB used\n", cell_text(device, "name"),
               json_number_value(json_object_get(device, "cores")),
               json_number_value(json_object_get(device, "memory")) / 1e6);
    }
}

static void print_conditions(const json_t *conditions)
{
    char since[CELL_TEXT];
    json_t *condition;
    size_t i;

    if (json_array_size(conditions) > 0) {
        printf("Conditions:\n");
    }
    json_array_foreach(conditions, i, condition)
    {
        printf("  %-12s %-8s %6s  %-16s %s\n", cell_text(condition, "type"),
               cell_text(condition, "status"), cell_age(condition, "age_seconds", since),
               cell_text(condition, "reason"), cell_text(condition, "message"));
    }
}

static void print_events(const json_t *events)
{
    char ago[CELL_TEXT], times[CELL_TEXT];
    json_t *event;
    size_t i;

    if (json_array_size(events) > 0) {
        printf("Events:\n");
    }
    json_array_foreach(events, i, event)
    {
        bool often = json_integer_value(json_object_get(event, "count")) > 1;
        printf("  %6s  %-8s %-16s %s", cell_age(event, "age_seconds", ago),
               cell_text(event, "type"), cell_text(event, "reason"),
               cell_text(event, "message"));
        if (often) {
            printf(" (%s times)", cell_number(event, "count", 1, 0, times));
        }
        putchar('\n');
    }
}

void status_describe(const json_t *status)
{
    char age[CELL_TEXT];

    print_fact("Name:", cell_text(status, "name"));
    print_fact("Namespace:", cell_text(status, "namespace"));
    print_fact("Phase:", cell_text(status, "phase"));
    print_fact("Message:", cell_text(status, "message"));
    print_fact("Fabric:", cell_text(status, "fabric"));
    printf("Created:    %s (%s ago)\n", cell_text(status, "created"),
           cell_age(status, "age_seconds", age));
    print_plan(status);
    print_numbers(status);
    print_stages(status);
    print_devices(json_object_get(status, "devices"));
    print_conditions(json_object_get(status, "conditions"));
    print_events(json_object_get(status, "events"));
}
