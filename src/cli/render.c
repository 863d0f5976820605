#include "cli/render.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static double number(const json_t *json, const char *key)
{
    return json_number_value(json_object_get(json, key));
}

static const char *text(const json_t *json, const char *key)
{
    const char *value = json_string_value(json_object_get(json, key));

    return value != NULL ? value : "";
}

static void clear_line(struct render *render)
{
    if (render->line) {
        fputs("\r\033[K", stderr);
        render->line = false;
    }
}

static void show_measuring(struct render *render, const json_t *answer)
{
    if (render->terminal) {
        clear_line(render);
        fprintf(stderr, "measuring %.0f of %.0f: %s", number(answer, "done"),
                number(answer, "total"), text(answer, "what"));
        render->line = true;
    }
}

/* CPU in use on each device since the last progress, as a part of what it has. */
static void show_devices(const struct render *render, const json_t *devices, double seconds)
{
    double span = seconds - render->seconds;
    size_t i;
    json_t *device;

    json_array_foreach(devices, i, device)
    {
        const json_t *before = json_array_get(render->devices, i);
        double cpu = (number(device, "cpu_ns") - number(before, "cpu_ns")) / 1e9;

        if (before != NULL && span > 0 && number(device, "cores") > 0) {
            fprintf(stderr, " · %s %.0f %%", text(device, "name"),
                    100 * cpu / span / number(device, "cores"));
        }
    }
}

static void show_progress(struct render *render, const json_t *answer)
{
    json_t *devices = json_object_get(answer, "devices");
    double seconds = number(answer, "seconds"), waiting = 0;
    size_t i;
    json_t *stage;

    if (!render->terminal) {
        return;
    }
    json_array_foreach(json_object_get(answer, "stages"), i, stage)
    {
        waiting += number(stage, "queue");
    }
    clear_line(render);
    fprintf(stderr, "%.0f s · %.0f frames · %.1f/s · %.0f waiting", seconds,
            number(answer, "delivered"), number(answer, "rate"), waiting);
    show_devices(render, devices, seconds);
    render->line = true;
    render->seconds = seconds;
    json_decref(render->devices);
    render->devices = json_incref(devices);
}

static void show_plan(const struct render *render, const json_t *answer)
{
    const json_t *plan = json_object_get(answer, "plan");

    if (render->json && render->plan) {
        json_dumpf(plan, stdout, JSON_INDENT(2));
        putchar('\n');
    } else if (!render->json && (render->explain || render->plan)) {
        fputs(text(answer, "explanation"), stdout);
        fflush(stdout);
    } else if (!render->json) {
        size_t n_groups = json_array_size(json_object_get(plan, "groups"));
        size_t n_devices = json_array_size(json_object_get(plan, "devices"));
        printf("plan: %zu group%s on %zu device%s, %.2f frames/s predicted, %.2f at the most\n",
               n_groups, n_groups == 1 ? "" : "s", n_devices, n_devices == 1 ? "" : "s",
               number(plan, "rate"), number(plan, "bound"));
        fflush(stdout);
    }
}

/* A number with so many decimals; "-" where there is none. */
static const char *decimals(const json_t *json, double scale, int n, char text[static 32])
{
    if (json_is_number(json)) {
        snprintf(text, 32, "%.*f", n, scale * json_number_value(json));
    } else {
        snprintf(text, 32, "-");
    }
    return text;
}

static void print_stage(const json_t *stage)
{
    char operators[80] = "", rate[32], busy[32];
    size_t i;
    json_t *name;

    json_array_foreach(json_object_get(stage, "operators"), i, name)
    {
        size_t used = strlen(operators);
        snprintf(operators + used, sizeof(operators) - used, "%s%s", i > 0 ? ", " : "",
                 json_string_value(name));
    }
    printf("  %-14s %-12s %8s %6s %% %6.0f %% %7.0f   %s\n", text(stage, "name"),
           text(stage, "device"), decimals(json_object_get(stage, "rate"), 1, 1, rate),
           decimals(json_object_get(stage, "busy"), 100, 0, busy),
           100 * number(stage, "predicted_busy"), number(stage, "rss_mb"), operators);
}

static void print_links(const json_t *links, double seconds)
{
    size_t i;
    json_t *link;

    if (json_array_size(links) == 0) {
        return;
    }
    printf("\n  %-30s %10s %12s\n", "LINK", "FRAMES", "MB/s");
    json_array_foreach(links, i, link)
    {
        char name[64], rate[32];
        snprintf(name, sizeof(name), "%s > %s", text(link, "from"), text(link, "to"));
        printf("  %-30s %10.0f %12s\n", name, number(link, "frames"),
               decimals(seconds > 0 ? json_object_get(link, "bytes") : NULL, 1e-6 / seconds, 2,
                        rate));
    }
}

static void print_failures(const json_t *failures)
{
    size_t i;
    json_t *failure;

    json_array_foreach(failures, i, failure)
    {
        const json_t *recovered = json_object_get(failure, "recovered_after_ms");
        printf("%s  at %.1f s: %s", i == 0 ? "\n" : "", number(failure, "time"),
               text(failure, "what"));
        if (json_is_null(recovered)) {
            printf("; it did not work again before the end\n");
        } else {
            printf("; it worked again after %.0f ms\n", json_number_value(recovered));
        }
    }
}

static void print_refused(const json_t *list)
{
    size_t i;
    json_t *refused;

    json_array_foreach(list, i, refused)
    {
        double n = number(refused, "frames");
        printf("%s  %.0f frame%s refused by '%s'; the first: %s\n", i == 0 ? "\n" : "", n,
               n == 1 ? " was" : "s were", text(refused, "operator"), text(refused, "first"));
    }
}

static void print_left_out(const json_t *list)
{
    size_t i;
    json_t *left_out;

    json_array_foreach(list, i, left_out)
    {
        double n = number(left_out, "count");
        printf("%s  '%s' could not use %.0f of what came, and left %s out\n",
               i == 0 ? "\n" : "", text(left_out, "operator"), n, n == 1 ? "it" : "them");
    }
}

static void print_report(const json_t *report)
{
    const json_t *frames = json_object_get(report, "frames");
    const json_t *latency = json_object_get(report, "latency_ms");
    const json_t *predicted = json_object_get(report, "predicted");
    double seconds = number(report, "seconds");
    char rate[32];
    size_t i;
    json_t *stage;

    printf("\n%s: %.1f s, accepted %.0f, delivered %.0f, lost %.0f, duplicated %.0f\n",
           text(report, "application"), seconds, number(frames, "accepted"),
           number(frames, "delivered"), number(frames, "lost"), number(frames, "duplicated"));
    printf("%s frames/s (predicted %.2f), latency p50 %.0f ms, p90 %.0f ms, p99 %.0f ms\n\n",
           decimals(json_object_get(report, "rate"), 1, 2, rate), number(predicted, "rate"),
           number(latency, "p50"), number(latency, "p90"), number(latency, "p99"));
    printf("  %-14s %-12s %8s %8s %8s %7s   %s\n", "STAGE", "DEVICE", "FRAMES/S", "BUSY",
           "FORESEEN", "MB", "OPERATORS");
    json_array_foreach(json_object_get(report, "stages"), i, stage)
    {
        print_stage(stage);
    }
    print_links(json_object_get(report, "links"), seconds);
    print_refused(json_object_get(report, "refused"));
    print_left_out(json_object_get(report, "left_out"));
    print_failures(json_object_get(report, "failures"));
}

void render_answer(void *owner, const char *type, const json_t *answer)
{
    struct render *render = owner;

    if (strcmp(type, "measuring") == 0) {
        show_measuring(render, answer);
        return;
    }
    if (strcmp(type, "progress") == 0) {
        show_progress(render, answer);
        return;
    }
    clear_line(render);
    if (strcmp(type, "plan") == 0) {
        show_plan(render, answer);
    } else if (strcmp(type, "note") == 0) {
        fprintf(stderr, "note: %s\n", text(answer, "text"));
    } else if (strcmp(type, "warning") == 0) {
        fprintf(stderr, "warning: %s\n", text(answer, "text"));
    } else if (strcmp(type, "say") == 0 && !render->json) {
        printf("%s\n", text(answer, "line"));
        fflush(stdout);
    } else if (strcmp(type, "failure") == 0) {
        fprintf(stderr, "%s\n", text(answer, "what"));
    } else if (strcmp(type, "report") == 0) {
        const json_t *report = json_object_get(answer, "report");
        if (render->json) {
            json_dumpf(report, stdout, JSON_INDENT(2));
            putchar('\n');
        } else {
            print_report(report);
        }
        json_decref(render->devices);
        render->devices = NULL;
    }
}
