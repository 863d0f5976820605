#include "cli/load.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cli/cell.h"

#define MB 1e-6

static void print_applications(const json_t *items)
{
    char rate[CELL_TEXT], predicted[CELL_TEXT], p50[CELL_TEXT], p90[CELL_TEXT];
    json_t *status;
    size_t i;

    printf("%-20s %-10s %9s %9s %8s %8s\n", "APPLICATION", "PHASE", "FRAMES/S", "PREDICTED",
           "P50 MS", "P90 MS");
    json_array_foreach(items, i, status)
    {
        const json_t *latency = json_object_get(status, "latency_ms");
        printf("%-20s %-10s %9s %9s %8s %8s\n", cell_text(status, "name"),
               cell_text(status, "phase"), cell_number(status, "rate", 1, 1, rate),
               cell_number(json_object_get(status, "predicted"), "rate", 1, 1, predicted),
               cell_number(latency, "p50", 1, 0, p50), cell_number(latency, "p90", 1, 0, p90));
    }
}

/* What runs of a stage now, or NULL. */
static const json_t *find_pod(const json_t *pods, const char *application, const char *stage)
{
    json_t *pod;
    size_t i;

    json_array_foreach(pods, i, pod)
    {
        if (strcmp(cell_text(pod, "application"), application) == 0 &&
            strcmp(cell_text(pod, "stage"), stage) == 0) {
            return pod;
        }
    }
    return NULL;
}

static void print_stage(const char *application, const json_t *stage, const json_t *pods)
{
    const json_t *pod = find_pod(pods, application, cell_text(stage, "name"));
    char rate[CELL_TEXT], busy[CELL_TEXT], queue[CELL_TEXT], cpu[CELL_TEXT], memory[CELL_TEXT];

    printf("%-20s %-20s %-12s %9s %6s %6s", application, cell_text(stage, "name"),
           cell_text(stage, "device"), cell_number(stage, "rate", 1, 1, rate),
           cell_number(stage, "busy", 1, 2, busy), cell_number(stage, "queue", 1, 0, queue));
    if (pods != NULL) {
        printf(" %6s %7s", cell_number(pod, "cpu", 1, 2, cpu),
               cell_number(pod, "memory_used", MB, 0, memory));
    }
    putchar('\n');
}

static void print_stages(const json_t *items, const json_t *pods)
{
    bool head = false;
    json_t *status, *stage;
    size_t i, j;

    json_array_foreach(items, i, status)
    {
        json_array_foreach(json_object_get(status, "stages"), j, stage)
        {
            if (!head) {
                printf("\n%-20s %-20s %-12s %9s %6s %6s%s\n", "APPLICATION", "STAGE", "DEVICE",
                       "FRAMES/S", "BUSY", "QUEUE", pods != NULL ? "    CPU      MB" : "");
                head = true;
            }
            print_stage(cell_text(status, "name"), stage, pods);
        }
    }
}

/* A part of what there is, in percent. */
static const char *part(const json_t *node, const char *used, const char *all,
                        char ret_text[static CELL_TEXT])
{
    double whole = json_number_value(json_object_get(node, all));

    return cell_number(whole > 0 ? node : NULL, used, whole > 0 ? 100 / whole : 0, 0, ret_text);
}

static void print_nodes(const json_t *nodes)
{
    char cpu[CELL_TEXT], memory[CELL_TEXT], of_cpu[CELL_TEXT], of_memory[CELL_TEXT];
    json_t *node;
    size_t i;

    printf("\n%-24s %-9s %6s %6s %8s %8s\n", "NODE", "READY", "CPU", "CPU %", "MB", "MEMORY %");
    json_array_foreach(nodes, i, node)
    {
        bool ready = json_is_true(json_object_get(node, "ready"));
        printf("%-24s %-9s %6s %6s %8s %8s\n", cell_text(node, "name"), ready ? "yes" : "no",
               cell_number(node, "cpu", 1, 2, cpu), part(node, "cpu", "cores", of_cpu),
               cell_number(node, "memory_used", MB, 0, memory),
               part(node, "memory_used", "memory", of_memory));
    }
}

void load_print(const json_t *load)
{
    const json_t *items = json_object_get(load, "applications");
    const json_t *nodes = json_object_get(load, "nodes");

    print_applications(items);
    print_stages(items, json_object_get(load, "pods"));
    if (nodes != NULL) {
        print_nodes(nodes);
    }
    fflush(stdout);
}
