/* What a session asks the planner, and what it tells of the answer. */
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/quantity.h"
#include "controller/session.h"

/* Of a device on another machine, about whose link nobody said anything. */
static double measured_link(const struct session *session, const struct fabric_device *device)
{
    return session->fabric->ops->remote ? profile_link(session->profiles, device->type) : 0;
}

static struct planner_device *describe_devices(const struct session *session)
{
    struct planner_device *devices = memory_new(session->n_devices, sizeof(*devices));

    for (size_t i = 0; i < session->n_devices; i++) {
        const struct fabric_device *device = &session->devices[i];

        devices[i] = (struct planner_device){
            .name = device->name,
            .type = device->type,
            .cores = device->cores,
            .memory = device->memory,
            .link_rate = device->link_rate > 0 ? device->link_rate * 0.95 /* TCP's part */
                                               : measured_link(session, device),
            .link_latency = device->link_latency_ms / 1000,
            .n_has = device->n_has,
            .has = device->has,
        };
    }
    return devices;
}

/* What the sources give at most, in frames/s; 0: one gives as many as are taken. Where others
 * share the devices a plan must not ask for more. */
static double demand(const struct session *session)
{
    const struct graph *graph = session->application->graph;
    double most = 0;

    for (size_t i = 0; i < graph->n_operators; i++) {
        const char *text = graph_param(&graph->operators[i], "rate");
        double rate = 0;

        if (graph->operators[i].n_inputs > 0) {
            continue;
        }
        if (text == NULL || quantity_rate(text, &rate) < 0 || rate <= 0) {
            return 0;
        }
        most = rate > most ? rate : most;
    }
    return session->fabric->ops->remote ? most : 0;
}

/* What is known now, for the planner; `devices` is the caller's. */
static struct planner_input planner_input(const struct session *session,
                                          const struct planner_device *devices)
{
    const struct request *request = session->request;

    return (struct planner_input){
        .graph = session->application->graph,
        .operators = session->application->operators,
        .profiles = session->profiles,
        .n_devices = session->n_devices,
        .devices = devices,
        .replicas = request->replicas,
        .window = request->window,
        .codec = request->codec,
        .codec_pinned = request->codec_pinned,
        .cut_pinned = request->cut_pinned,
        .n_cuts = request->n_cuts,
        .cuts = request->cuts,
        .n_places = request->n_places,
        .places = request->places,
        .demand = demand(session),
    };
}

int session_prepare(struct session *session, struct error *err)
{
    cleanup(memory_free) struct planner_device *devices = describe_devices(session);
    const struct planner_input input = planner_input(session, devices);

    plan_destroy(STEAL(session->plan));
    planner_problem_destroy(STEAL(session->problem));
    return planner_prepare(&input, &session->problem, err);
}

int session_plan(struct session *session, struct error *err)
{
    cleanup(memory_free) struct planner_device *devices = describe_devices(session);
    const struct planner_input input = planner_input(session, devices);

    return planner_plan(&input, &session->problem, &session->plan, err);
}

void session_say_plan(struct session *session)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    if (out != NULL) {
        plan_explain(session->plan, session->request->explain, out);
        fclose(out);
    }
    front_say(session->front,
              json_pack("{sssoss}", "type", "plan", "plan", plan_to_json(session->plan),
                        "explanation", text != NULL ? text : ""));
    free(text);
}
