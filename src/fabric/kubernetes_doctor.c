/* What this machine has for stages in a cluster: facts for `brume doctor`. Nothing of it is
 * needed but by who has a cluster. */
#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "fabric/fabric.h"
#include "fabric/kubernetes_node.h"
#include "fabric/kubernetes_object.h"
#include "http/http.h"
#include "kube/api.h"
#include "kube/config.h"

#define ASK_MS 5000

typedef void (*tell_fn)(void *owner, const struct fabric_fact *fact);

struct doctor {
    struct kube_config *config;
    tell_fn tell;
    void *owner;
};

static int ask(const struct doctor *doctor, const char *path, const json_t *body,
               json_t **ret_answer, struct error *err)
{
    const struct kube_call call = {.method = body != NULL ? "POST" : "GET",
                                   .path = path,
                                   .body = body,
                                   .timeout_ms = ASK_MS};

    return kube_ask_now(doctor->config, &call, ret_answer, err);
}

static void tell(const struct doctor *doctor, const struct fabric_fact *fact)
{
    doctor->tell(doctor->owner, fact);
}

/* What mends it is told apart. */
static const char *mend(int code)
{
    switch (code) {
    case -ENOENT:
        return "export KUBECONFIG=FILE, as whoever runs the cluster gives it";
    case -EACCES:
        return "kubectl auth whoami; the kubeconfig's user is not, or no longer, known there";
    case -EINVAL:
        return "kubectl config view";
    default:
        return "kubectl cluster-info";
    }
}

static bool tell_server(const struct doctor *doctor)
{
    const struct http_place *place = NULL;
    json_t *version = NULL;
    cleanup(memory_free) char *what = NULL;
    struct error err = {0};
    int r = kube_config_place(doctor->config, &place, &err);

    r = r < 0 ? r : ask(doctor, "/version", NULL, &version, &err);
    if (r == 0) {
        const char *text = json_string_value(json_object_get(version, "gitVersion"));
        what = memory_format("%s at %s, namespace %s", text != NULL ? text : "one", place->url,
                             kube_config_namespace(doctor->config));
    }
    const struct fabric_fact fact = {.name = "API server",
                                     .there = r == 0,
                                     .what = r == 0 ? what : err.text,
                                     .mend = mend(r)};
    tell(doctor, &fact);
    json_decref(version);
    return r == 0;
}

static void tell_nodes(const struct doctor *doctor)
{
    json_t *nodes = NULL;
    const json_t *items, *node;
    cleanup(memory_free) char *what = NULL;
    cleanup(memory_free) char *first = NULL;
    struct error err = {0};
    int r = ask(doctor, "/api/v1/nodes", NULL, &nodes, &err);
    size_t i, n_usable = 0;

    items = json_object_get(nodes, "items");
    json_array_foreach(items, i, node)
    {
        const char *name = kubernetes_text(node, "metadata", "name");
        char why[KUBERNETES_WHY];
        if (kubernetes_node_is_usable(node, why)) {
            n_usable++;
        } else if (first == NULL) {
            first = memory_format("; %s %s", name != NULL ? name : "one", why);
        }
    }
    what = memory_format("%zu of %zu can be used%s", n_usable, json_array_size(items),
                         first != NULL ? first : "");
    const struct fabric_fact fact = {.name = "nodes",
                                     .there = n_usable > 0,
                                     .what = r < 0 ? err.text : what,
                                     .mend = "kubectl get nodes; kubectl describe node"};
    tell(doctor, &fact);
    json_decref(nodes);
}

struct right {
    const char *verb, *resource, *below;
    bool everywhere; /* or in the namespace */
};

static bool may(const struct doctor *doctor, const struct right *right)
{
    const char *space = right->everywhere ? "" : kube_config_namespace(doctor->config);
    json_t *answer = NULL;
    json_t *question =
        json_pack("{ssss s{s{ssssss*ss}}}", "apiVersion", "authorization.k8s.io/v1", "kind",
                  "SelfSubjectAccessReview", "spec", "resourceAttributes", "verb", right->verb,
                  "resource", right->resource, "subresource", right->below, "namespace", space);
    struct error ignored;
    int r = ask(doctor, "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", question,
                &answer, &ignored);
    bool allowed = r == 0 && json_is_true(kubernetes_part(answer, "status", "allowed"));

    json_decref(question);
    json_decref(answer);
    return allowed;
}

static void tell_rights(const struct doctor *doctor)
{
    static const struct right rights[] = {
        {"create", "pods", NULL, false},    {"delete", "pods", NULL, false},
        {"create", "secrets", NULL, false}, {"delete", "secrets", NULL, false},
        {"list", "pods", NULL, true},       {"watch", "pods", NULL, true},
        {"list", "nodes", NULL, true},      {"watch", "nodes", NULL, true}};
    const struct right proxy = {"get", "nodes", "proxy", true};
    const char *space = kube_config_namespace(doctor->config);
    cleanup(memory_free) char *what = NULL;
    cleanup(memory_free) char *ask_for = NULL;
    size_t i = 0;

    while (i < sizeof(rights) / sizeof(*rights) && may(doctor, &rights[i])) {
        i++;
    }
    bool all = i == sizeof(rights) / sizeof(*rights);
    if (all) {
        what = memory_format("stages may be started in namespace %s", space);
    } else {
        what = memory_format("this user may not %s %s%s%s", rights[i].verb, rights[i].resource,
                             rights[i].everywhere ? " of the cluster" : " in namespace ",
                             rights[i].everywhere ? "" : space);
        ask_for = memory_format("kubectl auth can-i %s %s%s%s", rights[i].verb,
                                rights[i].resource, rights[i].everywhere ? " -A" : " -n ",
                                rights[i].everywhere ? "" : space);
    }
    const struct fabric_fact fact = {
        .name = "rights", .there = all, .what = what, .mend = ask_for};
    tell(doctor, &fact);

    bool measured = may(doctor, &proxy);
    const struct fabric_fact usage = {.name = "what nodes use",
                                      .there = measured,
                                      .what = measured ? "kubelets may be asked"
                                                       : "this user may not get nodes/proxy",
                                      .mend = "kubectl auth can-i get nodes/proxy"};
    tell(doctor, &usage);
}

static void tell_applications(const struct doctor *doctor)
{
    json_t *answer = NULL;
    struct error err = {0};
    int r = ask(doctor, "/apis/brume.dev/v1alpha1", NULL, &answer, &err);
    const struct fabric_fact fact = {
        .name = "applications",
        .there = r == 0,
        .what = r == 0         ? "the cluster knows applications.brume.dev"
                : r == -ENOENT ? "the cluster does not know applications.brume.dev"
                               : err.text,
        .mend = "kubectl apply -k deploy/kubernetes/base"};

    tell(doctor, &fact);
    json_decref(answer);
}

void fabric_doctor_kubernetes(tell_fn tell_owner, void *owner)
{
    struct doctor doctor = {.tell = tell_owner, .owner = owner};
    struct error err = {0};

    if (kube_config_load(&doctor.config, &err) < 0) {
        const struct fabric_fact fact = {
            .name = "API server", .what = err.text, .mend = mend(err.code)};
        tell(&doctor, &fact);
        return;
    }
    if (tell_server(&doctor)) {
        tell_nodes(&doctor);
        tell_rights(&doctor);
        tell_applications(&doctor);
    }
    kube_config_destroy(doctor.config);
}
