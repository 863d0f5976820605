/* A plan for people, as a table, and for programs, as JSON. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "planner/planner.h"

enum { TEXT = 64 };

/* "12.3 ms", "519 kB", "4.62 MB/s": three digits and a unit. */
static const char *with_unit(double value, const char *unit, char *text)
{
    static const char *const prefixes[] = {"n", "µ", "m", "", "k", "M", "G", "T"};
    int at = 3;

    if (!isfinite(value)) {
        snprintf(text, TEXT, "-");
        return text;
    }
    while (fabs(value) >= 999.5 && at < 7) {
        value /= 1000;
        at++;
    }
    while (value != 0 && fabs(value) < 0.9995 && at > 0 && unit[0] == 's') {
        value *= 1000;
        at--;
    }
    int digits = fabs(value) >= 99.95 ? 0 : fabs(value) >= 9.995 ? 1 : 2;

    snprintf(text, TEXT, "%.*f %s%s", digits, value, prefixes[at], unit);
    return text;
}

/* Prints text to a column's width; letters of more than one byte count once. */
static void cell(FILE *out, const char *text, int width)
{
    int letters = 0;

    for (const char *at = text; *at != '\0'; at++) {
        letters += ((unsigned char)*at & 0xc0) != 0x80;
    }
    int fill = (width < 0 ? -width : width) - letters;

    fprintf(out, "%*s%s%*s  ", width > 0 && fill > 0 ? fill : 0, "", text,
            width < 0 && fill > 0 ? fill : 0, "");
}

static const char *operator_name(const struct planner_problem *problem, unsigned atom)
{
    return problem->graph->operators[problem->atoms[atom].operator].name;
}

/* "camera picture detect[0:47]" */
static char *group_text(const struct plan *plan, const struct plan_group *group)
{
    const struct planner_problem *problem = plan->problem;
    char *text = memory_text("");

    for (unsigned atom = group->from; atom < group->to;) {
        const struct planner_atom *first = &problem->atoms[atom];
        unsigned end = atom + 1;

        while (end < group->to && problem->atoms[end].operator== first->operator) {
            end++;
        }
        char *longer = first->model ? memory_format("%s%s%s[%u:%u]", text, *text ? " " : "",
                                                    operator_name(problem, atom), first->from,
                                                    problem->atoms[end - 1].to)
                                    : memory_format("%s%s%s", text, *text ? " " : "",
                                                    operator_name(problem, atom));

        memory_free(&text);
        text = longer;
        atom = end;
    }
    return text;
}

static void explain_groups(const struct plan *plan, FILE *out)
{
    char text[TEXT];

    cell(out, "DEVICE", -14);
    cell(out, "SHARE", 6);
    cell(out, "TIME", 9);
    cell(out, "MEMORY", 9);
    fprintf(out, "RUNS\n");
    for (size_t i = 0; i < plan->n_groups; i++) {
        const struct plan_group *group = &plan->groups[i];
        cleanup(memory_free) char *runs = group_text(plan, group);

        for (size_t j = 0; j < group->n_replicas; j++) {
            const struct plan_replica *replica = &group->replicas[j];
            unsigned type = plan->problem->device_type[replica->device];

            cell(out, plan->problem->devices[replica->device].name, -14);
            snprintf(text, sizeof(text), "%.0f %%", 100 * replica->share);
            cell(out, text, 6);
            cell(
                out,
                with_unit(planner_cost(plan->problem, group->from, group->to, type), "s", text),
                9);
            cell(out, with_unit((double)group->memory, "B", text), 9);
            fputs(runs, out);
            if (replica->instances > 1) {
                fprintf(out, " (%u processes)", replica->instances);
            }
            fputs("\n", out);
        }
    }
}

static void explain_devices(const struct plan *plan, FILE *out)
{
    static const char *const heads[] = {"CORES", "BUSY",      "UP",    "UP BUSY",
                                        "DOWN",  "DOWN BUSY", "MEMORY"};
    char text[TEXT];

    cell(out, "\nDEVICE", -15);
    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
        cell(out, heads[i], 9);
    }
    fputs("\n", out);
    for (size_t i = 0; i < plan->problem->n_devices; i++) {
        const struct plan_device *device = &plan->devices[i];

        cell(out, plan->problem->devices[i].name, -14);
        snprintf(text, sizeof(text), "%.2f", plan->problem->devices[i].cores);
        cell(out, text, 9);
        snprintf(text, sizeof(text), "%.0f %%", 100 * device->busy);
        cell(out, text, 9);
        cell(out, with_unit(device->up, "B/s", text), 9);
        snprintf(text, sizeof(text), "%.0f %%", 100 * device->up_busy);
        cell(out, text, 9);
        cell(out, with_unit(device->down, "B/s", text), 9);
        snprintf(text, sizeof(text), "%.0f %%", 100 * device->down_busy);
        cell(out, text, 9);
        cell(out, with_unit((double)device->memory, "B", text), 9);
        fputs("\n", out);
    }
}

static void explain_cuts(const struct plan *plan, FILE *out)
{
    const struct planner_problem *problem = plan->problem;
    char text[TEXT];

    if (plan->n_cuts == 0) {
        return;
    }
    cell(out, "\nCUT BEFORE", -21);
    cell(out, "TIME BEFORE", 11);
    cell(out, "TIME AFTER", 11);
    cell(out, "ACROSS", 9);
    cell(out, "RATE ALONE", 11);
    fputs("\n", out);
    for (size_t i = 0; i < plan->n_cuts; i++) {
        const struct plan_cut *cut = &plan->cuts[i];
        const struct planner_atom *atom = &problem->atoms[cut->at];

        if (atom->from > 0) {
            snprintf(text, sizeof(text), "%.40s@%u", operator_name(problem, cut->at),
                     atom->from);
        } else {
            snprintf(text, sizeof(text), "%.40s", operator_name(problem, cut->at));
        }
        cell(out, text, -20);
        cell(out, with_unit(cut->before, "s", text), 11);
        cell(out, with_unit(cut->after, "s", text), 11);
        cell(out, with_unit((double)cut->size, "B", text), 9);
        cell(out, cut->rate > 0 ? with_unit(cut->rate, "/s", text) : "-", 11);
        fputs(cut->chosen ? "<- chosen\n" : "\n", out);
    }
    fprintf(out, "times on %s; rate alone: of two devices with this cut only, no replicas\n",
            problem->types[problem->device_type[0]].name);
}

/* Whether the flow crosses a link, and is packed for it. */
static bool is_packed(const struct plan *plan, const struct planner_flow *flow)
{
    unsigned from = plan_group_of(plan, flow->from);

    for (size_t i = 0; i < flow->n_to && flow->codec != GRAPH_CODEC_NONE; i++) {
        unsigned to = plan_group_of(plan, flow->to[i]);

        if (to != from && plan_crosses(plan, from, to)) {
            return true;
        }
    }
    return false;
}

/* The codec of what crosses links; of several the one that makes it smallest. */
static enum graph_codec codec_of(const struct plan *plan)
{
    enum graph_codec codec = GRAPH_CODEC_NONE;

    for (size_t i = 0; i < plan->problem->n_flows; i++) {
        const struct planner_flow *flow = &plan->problem->flows[i];

        codec = flow->codec > codec && is_packed(plan, flow) ? flow->codec : codec;
    }
    return codec;
}

/* A line for each flow that is packed for a link. */
static void explain_packed(const struct plan *plan, FILE *out)
{
    const struct planner_problem *problem = plan->problem;
    double factor = problem->types[problem->device_type[0]].packing;

    for (size_t i = 0; i < problem->n_flows; i++) {
        const struct planner_flow *flow = &problem->flows[i];
        const struct planner_atom *from = &problem->atoms[flow->from];
        char raw[TEXT], size[TEXT], pack[TEXT], unpack[TEXT], at[TEXT] = "";

        if (!is_packed(plan, flow)) {
            continue;
        }
        if (from->model) {
            snprintf(at, sizeof(at), "@%u", from->to);
        }
        fprintf(
            out, "%s%s crosses links as %s: %s instead of %s, %s to pack and %s to unpack\n",
            operator_name(problem, flow->from), at, graph_codec_name(flow->codec),
            with_unit((double)flow->size, "B", size), with_unit((double)flow->raw, "B", raw),
            with_unit(flow->pack * factor, "s", pack),
            with_unit(flow->unpack * factor, "s", unpack));
    }
}

void plan_explain(const struct plan *plan, bool cuts, FILE *out)
{
    static const char *const objectives[] = {"throughput", "latency", "traffic"};
    char rate[TEXT], bound[TEXT], latency[TEXT], traffic[TEXT], single[TEXT];

    fprintf(out, "%s: %s over %zu device%s\n\n", plan->problem->graph->name,
            objectives[plan->problem->objective], plan->problem->n_devices,
            plan->problem->n_devices == 1 ? "" : "s");
    explain_groups(plan, out);
    explain_devices(plan, out);
    if (cuts) {
        explain_cuts(plan, out);
    }
    fprintf(out, "\npredicted rate %s, latency %s, traffic %s per frame; one device alone %s\n",
            with_unit(plan->rate, "/s", rate), with_unit(plan->latency, "s", latency),
            with_unit(plan->traffic, "B", traffic),
            plan->single_rate > 0 ? with_unit(plan->single_rate, "/s", single)
                                  : "cannot do it");
    fprintf(out, "no plan is faster than %s: the gap is %.1f %%%s\n",
            with_unit(plan->bound, "/s", bound), 100 * plan->gap,
            plan->exact ? " (every plan was looked at or excluded)" : "");
    explain_packed(plan, out);
    for (size_t i = 0; i < plan->n_notes; i++) {
        fprintf(out, "note: %s\n", plan->notes[i]);
    }
}

static json_t *operators_to_json(const struct planner_problem *problem,
                                 const struct plan_group *group)
{
    json_t *operators = json_array(), *last = NULL;

    for (unsigned atom = group->from; atom < group->to; atom++) {
        const struct planner_atom *what = &problem->atoms[atom];
        bool first = atom == group->from || problem->atoms[atom - 1].operator!= what->operator;

        if (first) {
            last = json_pack("{s:s}", "name", operator_name(problem, atom));
            json_array_append_new(operators, last);
        }
        if (what->model && first) {
            json_object_set_new(last, "cut", json_pack("[i, i]", what->from, what->to));
        } else if (what->model) {
            json_array_set_new(json_object_get(last, "cut"), 1, json_integer(what->to));
        }
    }
    return operators;
}

static json_t *groups_to_json(const struct plan *plan)
{
    const struct planner_problem *problem = plan->problem;
    json_t *groups = json_array();

    for (size_t i = 0; i < plan->n_groups; i++) {
        const struct plan_group *group = &plan->groups[i];
        json_t *replicas = json_array();

        for (size_t j = 0; j < group->n_replicas; j++) {
            const struct plan_replica *replica = &group->replicas[j];

            json_array_append_new(replicas,
                                  json_pack("{s:s, s:i, s:f}", "device",
                                            problem->devices[replica->device].name, "processes",
                                            (int)replica->instances, "share", replica->share));
        }
        json_array_append_new(groups, json_pack("{s:o, s:o, s:I}", "operators",
                                                operators_to_json(problem, group), "replicas",
                                                replicas, "memory", (json_int_t)group->memory));
    }
    return groups;
}

static json_t *devices_to_json(const struct plan *plan)
{
    json_t *devices = json_array();

    for (size_t i = 0; i < plan->problem->n_devices; i++) {
        const struct plan_device *device = &plan->devices[i];

        json_array_append_new(
            devices,
            json_pack("{s:s, s:s, s:f, s:f, s:f, s:f, s:f, s:f, s:I}", "name",
                      plan->problem->devices[i].name, "type", plan->problem->devices[i].type,
                      "busy", device->busy, "cpu", device->cpu, "up", device->up, "down",
                      device->down, "up_busy", device->up_busy, "down_busy", device->down_busy,
                      "memory", (json_int_t)device->memory));
    }
    return devices;
}

static json_t *cuts_to_json(const struct plan *plan)
{
    json_t *cuts = json_array();

    for (size_t i = 0; i < plan->n_cuts; i++) {
        const struct plan_cut *cut = &plan->cuts[i];

        json_array_append_new(cuts, json_pack("{s:s, s:i, s:f, s:f, s:I, s:f, s:b}", "operator",
                                              operator_name(plan->problem, cut->at), "cut",
                                              (int)plan->problem->atoms[cut->at].from, "before",
                                              cut->before, "after", cut->after, "bytes",
                                              (json_int_t)cut->size, "rate", cut->rate,
                                              "chosen", cut->chosen));
    }
    return cuts;
}

json_t *plan_to_json(const struct plan *plan)
{
    json_t *notes = json_array();

    for (size_t i = 0; i < plan->n_notes; i++) {
        json_array_append_new(notes, json_string(plan->notes[i]));
    }
    return json_pack("{s:s, s:s, s:f, s:f, s:f, s:f, s:f, s:b, s:f, s:b, s:o, s:o, s:o, s:o}",
                     "application", plan->problem->graph->name, "link",
                     graph_codec_name(codec_of(plan)), "rate", plan->rate, "latency_ms",
                     plan->latency * 1000, "traffic", plan->traffic, "bound", plan->bound,
                     "gap", plan->gap, "exact", plan->exact, "single_rate", plan->single_rate,
                     "unmet", plan->unmet, "groups", groups_to_json(plan), "devices",
                     devices_to_json(plan), "cuts", cuts_to_json(plan), "notes", notes);
}
