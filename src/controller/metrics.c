#include "controller/metrics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

#define RATE_HELP      "The rate that the plan foresees"
#define DELIVERED_HELP "Frames that reached the sinks"

enum { PATH_MOST = 2 };

/* A metric, and where its value stands in what it is of. */
struct row {
    const char *name, *type, *help;
    const char *path[PATH_MOST];
};

static const struct row of_applications[] = {
    {"brume_application_rate", "gauge", "Frames that reach the sinks in a second", {"rate"}},
    {"brume_application_predicted_rate", "gauge", RATE_HELP, {"predicted", "rate"}},
    {"brume_application_delivered_total", "counter", DELIVERED_HELP, {"delivered"}},
    {"brume_application_lost_total", "counter", "Frames that never will", {"lost"}},
    {"brume_application_failures_total", "counter", "How often a stage was lost", {"failures"}},
    {"brume_application_stages_ready", "gauge", "Stages that are ready", {"ready"}},
};

static const struct row of_stages[] = {
    {"brume_application_stage_busy", "gauge", "The part of the time that it works", {"busy"}},
    {"brume_application_stage_rate", "gauge", "Frames that it works off in a second", {"rate"}},
};

static const struct row of_nodes[] = {
    {"brume_node_ready", "gauge", "Whether a node is", {"ready"}},
    {"brume_node_cores", "gauge", "Cores that pods may have on a node", {"cores"}},
    {"brume_node_memory_bytes", "gauge", "Memory that pods may have on a node", {"memory"}},
    {"brume_node_cpu_used_cores", "gauge", "Cores in use on a node", {"cpu"}},
    {"brume_node_memory_used_bytes", "gauge", "Memory in use on a node", {"memory_used"}},
};

static const struct row of_pods[] = {
    {"brume_pod_cpu_used_cores", "gauge", "Cores in use by a stage's pod", {"cpu"}},
    {"brume_pod_memory_used_bytes", "gauge", "Memory in use by one", {"memory_used"}},
};

#define COUNT(rows) (sizeof(rows) / sizeof(*(rows)))

/* A label and the key under which its value stands. */
struct label {
    const char *name, *key;
};

static const char *text(const json_t *json, const char *key)
{
    return json_string_value(json_object_get(json, key));
}

static void begin(FILE *out, const char *name, const char *type, const char *help)
{
    fprintf(out, "# HELP %s %s.\n# TYPE %s %s\n", name, help, name, type);
}

static void write_label(FILE *out, bool *first, const char *name, const char *value)
{
    if (value == NULL) {
        return;
    }
    fprintf(out, "%s%s=\"", *first ? "{" : ",", name);
    *first = false;
    for (; *value != '\0'; value++) {
        if (*value == '\n') {
            fputs("\\n", out);
        } else {
            fprintf(out, "%s%c", *value == '\\' || *value == '"' ? "\\" : "", *value);
        }
    }
    fputc('"', out);
}

static const json_t *value_of(const struct row *row, const json_t *json)
{
    for (size_t i = 0; i < PATH_MOST && row->path[i] != NULL; i++) {
        json = json_object_get(json, row->path[i]);
    }
    return json;
}

/* `labels` are of `named`; `of`, which may be NULL, has those of what `named` is part of. */
struct subject {
    const json_t *values;
    const json_t *of, *named;
    const struct label *of_labels, *labels; /* end with a zeroed one */
};

static void write_labels(FILE *out, bool *first, const json_t *named,
                         const struct label *labels)
{
    for (; labels != NULL && labels->name != NULL; labels++) {
        write_label(out, first, labels->name, text(named, labels->key));
    }
}

static void write_sample(FILE *out, const struct row *row, const struct subject *subject)
{
    const json_t *value = value_of(row, subject->values);
    bool first = true;

    if (!json_is_number(value) && !json_is_boolean(value)) {
        return;
    }
    fputs(row->name, out);
    write_labels(out, &first, subject->of, subject->of_labels);
    write_labels(out, &first, subject->named, subject->labels);
    fprintf(out, "%s %.15g\n", first ? "" : "}",
            json_is_boolean(value) ? (double)json_is_true(value) : json_number_value(value));
}

static const struct label application_labels[] = {
    {"namespace", "namespace"}, {"application", "name"}, {0}};

static void write_applications(FILE *out, const json_t *applications)
{
    size_t i;
    json_t *application;

    for (size_t at = 0; at < COUNT(of_applications); at++) {
        const struct row *row = &of_applications[at];

        begin(out, row->name, row->type, row->help);
        json_array_foreach(applications, i, application)
        {
            const struct subject subject = {.values = json_object_get(application, "status"),
                                            .named = application,
                                            .labels = application_labels};
            write_sample(out, row, &subject);
        }
    }
}

static void write_latency(FILE *out, const json_t *applications)
{
    static const char name[] = "brume_application_latency_seconds";
    static const char *const quantiles[][2] = {{"0.5", "p50"}, {"0.9", "p90"}};
    size_t i;
    json_t *application;

    begin(out, name, "gauge", "From source to sink, of all frames so far");
    json_array_foreach(applications, i, application)
    {
        const json_t *status = json_object_get(application, "status");
        const json_t *latency = json_object_get(status, "latency_ms");

        for (size_t j = 0; j < COUNT(quantiles) && json_is_object(latency); j++) {
            bool first = true;

            fputs(name, out);
            write_labels(out, &first, application, application_labels);
            write_label(out, &first, "quantile", quantiles[j][0]);
            fprintf(out, "} %.15g\n",
                    json_number_value(json_object_get(latency, quantiles[j][1])) / 1000);
        }
    }
}

static void write_stages(FILE *out, const json_t *applications)
{
    static const struct label labels[] = {{"stage", "name"}, {"device", "device"}, {0}};
    size_t i, j;
    json_t *application, *stage;

    for (size_t at = 0; at < COUNT(of_stages); at++) {
        const struct row *row = &of_stages[at];

        begin(out, row->name, row->type, row->help);
        json_array_foreach(applications, i, application)
        {
            const json_t *status = json_object_get(application, "status");
            json_array_foreach(json_object_get(status, "stages"), j, stage)
            {
                const struct subject subject = {.values = stage,
                                                .of = application,
                                                .of_labels = application_labels,
                                                .named = stage,
                                                .labels = labels};
                write_sample(out, row, &subject);
            }
        }
    }
}

static void write_list(FILE *out, const struct row *rows, size_t n_rows, const json_t *list,
                       const struct label *labels)
{
    size_t i;
    json_t *entry;

    for (size_t at = 0; at < n_rows; at++) {
        begin(out, rows[at].name, rows[at].type, rows[at].help);
        json_array_foreach(list, i, entry)
        {
            const struct subject subject = {.values = entry, .named = entry, .labels = labels};
            write_sample(out, &rows[at], &subject);
        }
    }
}

static void write_usage(FILE *out, const json_t *usage)
{
    static const struct label node[] = {{"node", "name"}, {0}};
    static const struct label pod[] = {
        {"namespace", "namespace"}, {"pod", "name"},  {"application", "application"},
        {"stage", "stage"},         {"node", "node"}, {0}};

    write_list(out, of_nodes, COUNT(of_nodes), json_object_get(usage, "nodes"), node);
    write_list(out, of_pods, COUNT(of_pods), json_object_get(usage, "pods"), pod);
}

static void write_phases(FILE *out, const json_t *applications)
{
    cleanup(json_decrefp) json_t *counts = json_object();
    const char *phase;
    json_t *entry;
    size_t i;

    json_array_foreach(applications, i, entry)
    {
        phase = text(json_object_get(entry, "status"), "phase");
        if (phase != NULL) {
            json_int_t n = json_integer_value(json_object_get(counts, phase));
            json_object_set_new(counts, phase, json_integer(n + 1));
        }
    }
    begin(out, "brume_applications", "gauge", "Applications by the phase of their life");
    json_object_foreach(counts, phase, entry)
    {
        bool first = true;

        fputs("brume_applications", out);
        write_label(out, &first, "phase", phase);
        fprintf(out, "} %lld\n", (long long)json_integer_value(entry));
    }
}

static void write_one(FILE *out, const char *name, const char *type, const char *help,
                      double value)
{
    begin(out, name, type, help);
    fprintf(out, "%s %.15g\n", name, value);
}

static void write_self(FILE *out, const struct metrics *metrics)
{
    begin(out, "brume_build_info", "gauge", "The version of this controller");
    fprintf(out, "brume_build_info{version=\"%s\"} 1\n", BRUME_VERSION);
    write_one(out, "process_resident_memory_bytes", "gauge", "Memory of this process",
              (double)metrics->resident);
    write_one(out, "process_cpu_seconds_total", "counter", "CPU time of this process",
              metrics->cpu_seconds);
    write_one(out, "process_start_time_seconds", "gauge", "When it began, since 1970",
              metrics->started);
    if (metrics->in_cluster) {
        write_one(out, "brume_leader", "gauge", "Whether this controller is the one that acts",
                  metrics->leader);
        write_one(out, "brume_object_writes_total", "counter", "Writes to Application objects",
                  (double)metrics->n_writes);
        write_one(out, "brume_object_write_failures_total", "counter",
                  "Of these, what the API server did not take", (double)metrics->n_write_fails);
    }
}

char *metrics_render(const struct metrics *metrics)
{
    char *rendered = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&rendered, &size);

    if (out == NULL) {
        return memory_text("");
    }
    write_self(out, metrics);
    write_phases(out, metrics->applications);
    write_applications(out, metrics->applications);
    write_latency(out, metrics->applications);
    write_stages(out, metrics->applications);
    if (metrics->usage != NULL) {
        write_usage(out, metrics->usage);
    }
    fclose(out);
    return rendered;
}
