#include "fabric/kubernetes_metrics.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

static const struct {
    const char *name;
    bool cpu, node;
} kinds[] = {
    {"node_cpu_usage_seconds_total", true, true},
    {"node_memory_working_set_bytes", false, true},
    {"container_cpu_usage_seconds_total", true, false},
    {"container_memory_working_set_bytes", false, false},
};

/* The value of `name` in {a="b",c="d"}, ended in place; none of ours has a quote in it. */
static char *find_label(char *labels, const char *name)
{
    size_t n = strlen(name);
    char *at = labels;

    while ((at = strstr(at, name)) != NULL) {
        bool begins = at > labels && (at[-1] == ',' || at[-1] == '{');
        if (begins && at[n] == '=' && at[n + 1] == '"') {
            return at + n + 2;
        }
        at += n;
    }
    return NULL;
}

static void end_at_quote(char *value)
{
    if (value != NULL) {
        value[strcspn(value, "\"")] = '\0';
    }
}

static bool read_numbers(const char *text, struct kubernetes_metric *metric)
{
    char *end;

    metric->value = strtod(text, &end);
    if (end == text || !(metric->value >= 0)) {
        return false;
    }
    metric->when_ms = strtoull(end, NULL, 10);
    return true;
}

/* `line` is cut up. */
static bool read_line(char *line, struct kubernetes_metric *ret_metric)
{
    size_t n = strcspn(line, "{ "), kind = 0;
    const size_t n_kinds = sizeof(kinds) / sizeof(*kinds);

    while (kind < n_kinds &&
           (strlen(kinds[kind].name) != n || strncmp(line, kinds[kind].name, n) != 0)) {
        kind++;
    }
    if (kind == n_kinds) {
        return false;
    }
    char *labels = line + n, *numbers = labels;
    *ret_metric = (struct kubernetes_metric){.cpu = kinds[kind].cpu};
    if (*labels == '{') {
        numbers = strchr(labels, '}');
        if (numbers == NULL) {
            return false;
        }
        numbers++;
    }
    if (!read_numbers(numbers, ret_metric)) {
        return false;
    }
    if (kinds[kind].node) {
        return true;
    }
    if (*labels != '{') {
        return false;
    }
    char *space = find_label(labels, "namespace"), *pod = find_label(labels, "pod");
    end_at_quote(space);
    end_at_quote(pod);
    ret_metric->space = space;
    ret_metric->pod = pod;
    return space != NULL && pod != NULL;
}

void kubernetes_metrics_read(const char *text,
                             void (*tell)(void *owner, const struct kubernetes_metric *metric),
                             void *owner)
{
    cleanup(memory_free) char *copy = memory_text(text);
    char *rest = copy, *line;

    while ((line = strsep(&rest, "\n")) != NULL) {
        struct kubernetes_metric metric;
        if (read_line(line, &metric)) {
            tell(owner, &metric);
        }
    }
}

void kubernetes_meter_count(struct kubernetes_meter *meter, double cpu_s, uint64_t when_ms)
{
    if (meter->known && when_ms == meter->when_ms) {
        return;
    }
    bool goes_on = meter->known && when_ms > meter->when_ms && cpu_s >= meter->cpu_s;

    meter->rate =
        goes_on ? (cpu_s - meter->cpu_s) * 1000 / (double)(when_ms - meter->when_ms) : -1;
    meter->known = true;
    meter->cpu_s = cpu_s;
    meter->when_ms = when_ms;
}
