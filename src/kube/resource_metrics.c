#include "kube/resource_metrics.h"

#include <ctype.h>
#include <stddef.h>
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

enum { N_KINDS = sizeof(kinds) / sizeof(*kinds) };

static char *skip_blanks(char *at)
{
    return at + strspn(at, " \t");
}

/* Behind a name as metrics and labels have it; `at` itself: there is none. */
static char *skip_name(char *at)
{
    while (isalnum((unsigned char)*at) || *at == '_' || *at == ':') {
        at++;
    }
    return at;
}

/* Of a text in quotes, after the first of them: ends it in place, and returns what is behind
 * it. NULL: it does not end. */
static char *take_value(char *at)
{
    char *to = at;

    for (; *at != '"'; at++) {
        if (*at == '\0') {
            return NULL;
        }
        if (*at == '\\' && at[1] != '\0') {
            at++;
            *to++ = *at;
            if (*at == 'n') {
                to[-1] = '\n';
            }
        } else {
            *to++ = *at;
        }
    }
    *to = '\0';
    return at + 1;
}

static void keep_label(struct resource_metric *metric, const char *name, size_t n,
                       const char *value)
{
    const struct {
        const char *name;
        const char **value;
    } kept[] = {{"namespace", &metric->space},
                {"pod", &metric->pod},
                {"container", &metric->container}};

    for (unsigned i = 0; i < sizeof(kept) / sizeof(*kept); i++) {
        if (strlen(kept[i].name) == n && strncmp(kept[i].name, name, n) == 0) {
            *kept[i].value = value;
        }
    }
}

/* {a="b",c="d",}: returns what is behind it; NULL: these are none. */
static char *take_labels(char *at, struct resource_metric *metric)
{
    at = skip_blanks(at + 1);
    while (*at != '}') {
        const char *name = at;
        at = skip_name(at);
        size_t n = (size_t)(at - name);
        at = skip_blanks(at);
        if (n == 0 || *at != '=') {
            return NULL;
        }
        at = skip_blanks(at + 1);
        char *value = at + 1;
        at = *at == '"' ? take_value(value) : NULL;
        if (at == NULL) {
            return NULL;
        }
        keep_label(metric, name, n, value);
        at = skip_blanks(at);
        if (*at == ',') {
            at = skip_blanks(at + 1);
        } else if (*at != '}') {
            return NULL;
        }
    }
    return at + 1;
}

/* A number, and perhaps a time, and nothing else. */
static bool take_numbers(char *at, struct resource_metric *metric)
{
    char *end = NULL;

    at = skip_blanks(at);
    size_t n = strspn(at, "0123456789.eE+-");
    metric->value = strtod(at, &end);
    if (n == 0 || end != at + n || !(metric->value >= 0) ||
        metric->value > RESOURCE_METRIC_MOST) {
        return false;
    }
    at = skip_blanks(end);
    end = at;
    if (isdigit((unsigned char)*at)) {
        metric->when_ms = strtoull(at, &end, 10);
    }
    return end[strspn(end, " \t\r")] == '\0';
}

/* `line` is cut up. */
static bool read_line(char *line, struct resource_metric *ret_metric)
{
    char *name = skip_blanks(line), *at = skip_name(name);
    size_t n = (size_t)(at - name), kind = 0;

    while (kind < N_KINDS &&
           (strlen(kinds[kind].name) != n || strncmp(name, kinds[kind].name, n) != 0)) {
        kind++;
    }
    if (kind == N_KINDS) {
        return false;
    }
    *ret_metric = (struct resource_metric){.cpu = kinds[kind].cpu};
    at = skip_blanks(at);
    at = *at == '{' ? take_labels(at, ret_metric) : at;
    if (at == NULL || !take_numbers(at, ret_metric)) {
        return false;
    }
    if (kinds[kind].node) {
        ret_metric->space = ret_metric->pod = ret_metric->container = NULL;
        return true;
    }
    return ret_metric->space != NULL && ret_metric->pod != NULL &&
           ret_metric->container != NULL;
}

void resource_metrics_read(const char *text,
                           void (*tell)(void *owner, const struct resource_metric *metric),
                           void *owner)
{
    cleanup(memory_free) char *copy = memory_text(text);
    char *rest = copy, *line;

    while ((line = strsep(&rest, "\n")) != NULL) {
        struct resource_metric metric;
        if (read_line(line, &metric)) {
            tell(owner, &metric);
        }
    }
}
