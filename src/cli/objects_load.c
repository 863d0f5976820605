/* What nodes and the pods of stages use, as the kubelets tell it through the API server. They
 * tell CPU as a counter, which they look at every few seconds: it is asked for until it has
 * moved on. Who may not see nodes is shown the applications alone, and told so. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "cli/cell.h"
#include "cli/objects_state.h"
#include "cli/objects_status.h"
#include "fabric/kubernetes_meter.h"
#include "fabric/kubernetes_node.h"
#include "fabric/kubernetes_object.h"
#include "http/http.h"
#include "kube/resource_metrics.h"

enum { ROUNDS_MOST = 10, ROUND_US = 1000000, KUBELET_MS = 5000 };

struct metered {
    const char *name; /* of a node or a pod; borrowed */
    struct kubernetes_meter meter;
};

struct kubelet {
    struct survey *survey;
    struct metered node;
    bool failed;
};

struct survey {
    struct objects *objects;
    json_t *nodes, *pods; /* lists, or NULL */
    size_t n_kubelets, n_pods, n_asked;
    struct kubelet *kubelets;
    struct metered *metered; /* by pod */
    bool refused;
};

static json_t *items(const json_t *list)
{
    return json_object_get(list, "items");
}

/* A list that may be kept from us; NULL then. */
static json_t *ask_list(struct objects *objects, const char *path, const char *what)
{
    cleanup(objects_answer_finish) struct objects_answer answer = {0};

    if (objects_get(objects, path, &answer) < 0) {
        fprintf(stderr, "note: %s are not shown: %s\n", what, answer.err.text);
        return NULL;
    }
    return STEAL(answer.json);
}

static json_t *ask_pods(struct objects *objects)
{
    cleanup(memory_free) char *selector = http_escape(KUBERNETES_MANAGED "=brume");
    cleanup(memory_free) char *path =
        memory_format("/api/v1/namespaces/%s/pods?labelSelector=%s", objects->space, selector);

    return ask_list(objects, path, "pods");
}

static void on_metric(void *owner, const struct resource_metric *metric)
{
    struct kubelet *kubelet = owner;
    struct survey *survey = kubelet->survey;
    struct metered *to = metric->pod == NULL ? &kubelet->node : NULL;

    for (size_t i = 0; metric->pod != NULL && i < survey->n_pods; i++) {
        if (kubernetes_is(metric->space, survey->objects->space) &&
            strcmp(metric->pod, survey->metered[i].name) == 0) {
            to = &survey->metered[i];
        }
    }
    if (to != NULL && metric->cpu) {
        kubernetes_meter_count(&to->meter, metric->value,
                               metric->when_ms > 0 ? metric->when_ms : clock_wall_ms());
    } else if (to != NULL) {
        to->meter.memory = (uint64_t)metric->value;
    }
}

static void on_answer(void *owner, const struct kube_answer *answer, const struct error *err)
{
    struct kubelet *kubelet = owner;
    struct survey *survey = kubelet->survey;

    survey->n_asked--;
    if (err == NULL) {
        resource_metrics_read(answer->text, on_metric, kubelet);
        return;
    }
    kubelet->failed = true;
    if (err->code == -EACCES && !survey->refused) {
        survey->refused = true;
        fprintf(stderr, "note: what nodes use is not shown: %s\n", err->text);
    }
}

static bool is_known(const struct metered *metered)
{
    return metered->meter.known && metered->meter.rate >= 0;
}

/* Whether something that was seen is not known yet. */
static bool is_open(const struct survey *survey)
{
    bool open = false;

    for (size_t i = 0; i < survey->n_kubelets; i++) {
        const struct kubelet *kubelet = &survey->kubelets[i];
        open = open || (!kubelet->failed && !is_known(&kubelet->node));
    }
    for (size_t i = 0; i < survey->n_pods; i++) {
        const struct metered *pod = &survey->metered[i];
        open = open || (pod->meter.known && !is_known(pod));
    }
    return open && !survey->refused;
}

static void ask_kubelets(struct survey *survey)
{
    for (size_t i = 0; i < survey->n_kubelets; i++) {
        struct kubelet *kubelet = &survey->kubelets[i];
        cleanup(memory_free) char *path =
            memory_format("/api/v1/nodes/%s/proxy/metrics/resource", kubelet->node.name);
        const struct kube_call call = {.path = path, .timeout_ms = KUBELET_MS, .once = true};

        if (!kubelet->failed) {
            survey->n_asked++;
            kube_ask(survey->objects->api, &call, on_answer, kubelet);
        }
    }
    while (survey->n_asked > 0) {
        uv_run(&survey->objects->loop, UV_RUN_ONCE);
    }
}

static void begin(struct survey *survey)
{
    json_t *object;
    size_t i;

    survey->n_kubelets = json_array_size(items(survey->nodes));
    survey->kubelets = memory_new(survey->n_kubelets, sizeof(*survey->kubelets));
    json_array_foreach(items(survey->nodes), i, object)
    {
        survey->kubelets[i] = (struct kubelet){
            .survey = survey,
            .node = {cell_text(json_object_get(object, "metadata"), "name"), {.rate = -1}}};
    }
    survey->n_pods = json_array_size(items(survey->pods));
    survey->metered = memory_new(survey->n_pods, sizeof(*survey->metered));
    json_array_foreach(items(survey->pods), i, object)
    {
        survey->metered[i] = (struct metered){
            cell_text(json_object_get(object, "metadata"), "name"), {.rate = -1}};
    }
}

static void measure(struct survey *survey)
{
    bool terminal = isatty(STDERR_FILENO) != 0;

    ask_kubelets(survey);
    for (unsigned i = 1; i < ROUNDS_MOST && is_open(survey); i++) {
        if (i == 1 && terminal) {
            fputs("measuring what nodes use", stderr);
        }
        usleep(ROUND_US);
        ask_kubelets(survey);
    }
    if (terminal) {
        fputs("\r\033[K", stderr);
    }
}

static void add_usage(json_t *told, const struct metered *metered)
{
    json_object_set_new(told, "cpu",
                        is_known(metered) ? json_real(metered->meter.rate) : json_null());
    json_object_set_new(told, "memory_used",
                        metered->meter.known ? json_integer((json_int_t)metered->meter.memory)
                                             : json_null());
}

static json_t *tell_nodes(const struct survey *survey)
{
    json_t *list = json_array(), *node;
    size_t i;

    json_array_foreach(items(survey->nodes), i, node)
    {
        struct kubernetes_room room = kubernetes_node_room(node);
        char why[KUBERNETES_WHY];
        json_t *told = json_pack("{sssbsfsI}", "name", survey->kubelets[i].node.name, "ready",
                                 (int)kubernetes_node_is_usable(node, why), "cores", room.cores,
                                 "memory", (json_int_t)room.memory);
        add_usage(told, &survey->kubelets[i].node);
        json_array_append_new(list, told);
    }
    return list;
}

static json_t *tell_pods(const struct survey *survey)
{
    json_t *list = json_array(), *pod;
    size_t i;

    json_array_foreach(items(survey->pods), i, pod)
    {
        json_t *told = json_pack("{ssss?ss?ss?}", "name", survey->metered[i].name,
                                 "application", kubernetes_label(pod, KUBERNETES_APPLICATION),
                                 "stage", kubernetes_label(pod, KUBERNETES_STAGE), "node",
                                 kubernetes_text(pod, "spec", "nodeName"));
        add_usage(told, &survey->metered[i]);
        json_array_append_new(list, told);
    }
    return list;
}

static void end(struct survey *survey)
{
    json_decref(survey->nodes);
    json_decref(survey->pods);
    free(survey->kubelets);
    free(survey->metered);
}

int objects_load(struct source *source, json_t **ret_load)
{
    struct objects *objects = (struct objects *)source;
    struct survey survey = {.objects = objects};
    json_t *applications = NULL;

    int code = source->ops->list(source, &applications);
    if (code != EX_OK) {
        return code;
    }
    json_t *load = json_pack("{so}", "applications", applications);
    survey.nodes = ask_list(objects, "/api/v1/nodes", "nodes");
    survey.pods = ask_pods(objects);
    begin(&survey);
    measure(&survey);
    if (survey.nodes != NULL) {
        json_object_set_new(load, "nodes", tell_nodes(&survey));
        json_object_set_new(load, "pods", tell_pods(&survey));
    }
    end(&survey);
    *ret_load = load;
    return EX_OK;
}
