#include "fabric/kubernetes_pod.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "fabric/kubernetes_object.h"

#define USER         65532 /* "nonroot" of images without a distribution */
#define OUT          KUBERNETES_HOME "/out"
#define CREDENTIALS  "/run/brume/credentials"
#define GRACE        1 /* seconds from being asked to end to being killed */
#define TOLERATION   5 /* seconds that a node may be away before its pods are deleted */
#define CPU_LEAST    10
#define MEMORY_LEAST ((uint64_t)16 << 20)
#define HEADROOM     ((uint64_t)64 << 20)
#define TEMPORARY    "64Mi"

static bool is_below(const char *path, const char *folder)
{
    size_t n = strlen(folder);

    return strncmp(path, folder, n) == 0 && (path[n] == '/' || path[n] == '\0') &&
           strstr(path, "/..") == NULL;
}

int kubernetes_pod_check(const struct fabric_start *start, struct error *err)
{
    for (size_t i = 0; i < start->n_mounts; i++) {
        if (start->mounts[i].writable && !is_below(start->mounts[i].path, KUBERNETES_HOME)) {
            return error_set(err, -EACCES,
                             "stage '%s' would write to %s, which in a cluster is nowhere: "
                             "choose a place below " OUT,
                             start->stage, start->mounts[i].path);
        }
    }
    return 0;
}

/* The claim counts only for a stage that writes there: not every volume can be on many nodes.
 */
static bool writes_out(const struct fabric_start *start)
{
    for (size_t i = 0; i < start->n_mounts; i++) {
        if (start->mounts[i].writable && is_below(start->mounts[i].path, OUT)) {
            return true;
        }
    }
    return false;
}

static size_t shorter(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* What a label may not have is replaced. */
static void make_label(char *text)
{
    for (char *at = text; *at != '\0'; at++) {
        *at = (char)tolower((unsigned char)*at);
        if (!isalnum((unsigned char)*at)) {
            *at = '-';
        }
    }
    if (*text == '-') {
        *text = 'x';
    }
}

void kubernetes_pod_name(const struct kubernetes_pod *pod, char ret_name[KUBERNETES_NAME])
{
    const char *application = pod->application != NULL ? pod->application : "brume";
    cleanup(memory_free) char *end =
        memory_format("-%u-%.*s", pod->start->life, KUBERNETES_RANDOM, pod->random);
    size_t room = KUBERNETES_NAME - 2 - strlen(end); /* of both names */
    size_t n_stage = strlen(pod->start->stage), n_application = strlen(application);

    if (n_stage + n_application > room) {
        n_application = shorter(n_application, room / 2);
        n_stage = shorter(n_stage, room - n_application);
    }
    snprintf(ret_name, KUBERNETES_NAME, "%.*s-%.*s%s", (int)n_application, application,
             (int)n_stage, pod->start->stage, end);
    make_label(ret_name);
}

struct kubernetes_limits kubernetes_pod_limits(const struct fabric_start *start,
                                               const struct fabric_device *device)
{
    double asked = start->cores * 1000, most = device->cores * 1000;
    struct kubernetes_limits limits = {.cpu = asked > CPU_LEAST ? (unsigned)asked : CPU_LEAST,
                                       .cpu_most = most > 0 ? (unsigned)most : 0,
                                       .memory = start->memory,
                                       .memory_most = device->memory};

    if (start->memory > 0) {
        uint64_t wanted = start->memory + start->memory / 2 + HEADROOM;
        limits.memory_most =
            device->memory > 0 && device->memory < wanted ? device->memory : wanted;
    }
    if (limits.memory < MEMORY_LEAST) {
        limits.memory = MEMORY_LEAST;
    }
    /* More asked for than may be had is no pod at all: the scheduler is to say so. */
    if (limits.cpu_most < limits.cpu) {
        limits.cpu_most = limits.cpu;
    }
    if (limits.memory_most > 0 && limits.memory_most < limits.memory) {
        limits.memory_most = limits.memory;
    }
    return limits;
}

static json_t *describe_amounts(unsigned cpu, uint64_t memory)
{
    cleanup(memory_free) char *cores = memory_format("%um", cpu);
    cleanup(memory_free) char *bytes = memory_format("%llu", (unsigned long long)memory);

    return memory > 0 ? json_pack("{ssss}", "cpu", cores, "memory", bytes)
                      : json_pack("{ss}", "cpu", cores);
}

json_t *kubernetes_pod_labels(const char *application, const char *run, const char *stage)
{
    return json_pack("{ssss*ss*ss*}", KUBERNETES_MANAGED, "brume", KUBERNETES_APPLICATION,
                     application, KUBERNETES_RUN, run, KUBERNETES_STAGE, stage);
}

json_t *kubernetes_pod_owners(const json_t *resource)
{
    if (resource == NULL) {
        return NULL;
    }
    return json_pack("[{ss*ss*ss*ss*sb}]", "apiVersion",
                     json_string_value(json_object_get(resource, "apiVersion")), "kind",
                     json_string_value(json_object_get(resource, "kind")), "name",
                     kubernetes_text(resource, "metadata", "name"), "uid",
                     kubernetes_text(resource, "metadata", "uid"), "controller", 1);
}

static json_t *describe_metadata(const struct kubernetes_pod *pod, const char *name)
{
    json_t *labels = kubernetes_pod_labels(pod->application, pod->run, pod->start->stage);
    cleanup(memory_free) char *life = memory_format("%u", pod->start->life);

    json_object_set_new(labels, KUBERNETES_LIFE, json_string(life));
    return json_pack("{ssssso so* s{ss}}", "name", name, "namespace", pod->space, "labels",
                     labels, "ownerReferences", kubernetes_pod_owners(pod->resource),
                     "annotations", KUBERNETES_DEVICE, pod->device->name);
}

static json_t *describe_volumes(const struct kubernetes_pod *pod, const char *name)
{
    const char *claim =
        pod->resource == NULL ? NULL : kubernetes_annotation(pod->resource, KUBERNETES_OUT);
    json_t *volumes =
        json_pack("[{sss{}}{sss{ss}}{sss{sssi}}]", "name", "home", "emptyDir", "name",
                  "temporary", "emptyDir", "sizeLimit", TEMPORARY, "name", "credentials",
                  "secret", "secretName", name, "defaultMode", 0440);

    if (claim != NULL && writes_out(pod->start)) {
        json_array_append_new(volumes, json_pack("{sss{ss}}", "name", "out",
                                                 "persistentVolumeClaim", "claimName", claim));
    }
    return volumes;
}

static json_t *describe_mounts(const json_t *volumes)
{
    json_t *mounts = json_pack("[{ssss}{ssss}{sssssb}]", "name", "home", "mountPath",
                               KUBERNETES_HOME, "name", "temporary", "mountPath", "/tmp",
                               "name", "credentials", "mountPath", CREDENTIALS, "readOnly", 1);

    if (json_array_size(volumes) > json_array_size(mounts)) {
        json_array_append_new(mounts, json_pack("{ssss}", "name", "out", "mountPath", OUT));
    }
    return mounts;
}

static json_t *describe_container(const struct kubernetes_pod *pod, const json_t *volumes)
{
    struct kubernetes_limits limits = kubernetes_pod_limits(pod->start, pod->device);
    json_t *words = json_pack("[ssssssss]", "--name", pod->start->stage, "--controller",
                              pod->start->controller, "--credentials", CREDENTIALS "/line",
                              "--files", FABRIC_FILES);
    json_t *resources =
        json_pack("{soso}", "requests", describe_amounts(limits.cpu, limits.memory), "limits",
                  describe_amounts(limits.cpu_most, limits.memory_most));

    return json_pack("{sssss[s]soso so s[{ssss}] s{sbsb s{s[s]}} ss}", "name", "stage", "image",
                     pod->image, "command", "brume-stage", "args", words, "resources",
                     resources, "volumeMounts", describe_mounts(volumes), "env", "name",
                     "BRUME_CACHE", "value", KUBERNETES_HOME "/cache", "securityContext",
                     "allowPrivilegeEscalation", 0, "readOnlyRootFilesystem", 1, "capabilities",
                     "drop", "ALL", "imagePullPolicy", "IfNotPresent");
}

/* Only there; what the scheduler does beyond that is to count. */
static json_t *describe_affinity(const char *node)
{
    return json_pack("{s{s{s[{s[{sssss[s]}]}]}}}", "nodeAffinity",
                     "requiredDuringSchedulingIgnoredDuringExecution", "nodeSelectorTerms",
                     "matchFields", "key", "metadata.name", "operator", "In", "values", node);
}

static json_t *describe_toleration(const char *taint)
{
    return json_pack("{sssssssi}", "key", taint, "operator", "Exists", "effect", "NoExecute",
                     "tolerationSeconds", TOLERATION);
}

json_t *kubernetes_pod_describe(const struct kubernetes_pod *pod, const char *name)
{
    json_t *volumes = describe_volumes(pod, name);
    json_t *container = describe_container(pod, volumes);
    json_t *security =
        json_pack("{sbsisisis{ss}}", "runAsNonRoot", 1, "runAsUser", USER, "runAsGroup", USER,
                  "fsGroup", USER, "seccompProfile", "type", "RuntimeDefault");
    json_t *spec = json_pack(
        "{ss so s[oo] si sb sb ss so s[o] so}", "restartPolicy", "Never", "affinity",
        describe_affinity(pod->device->name), "tolerations",
        describe_toleration("node.kubernetes.io/not-ready"),
        describe_toleration("node.kubernetes.io/unreachable"), "terminationGracePeriodSeconds",
        GRACE, "automountServiceAccountToken", 0, "enableServiceLinks", 0, "dnsPolicy",
        "Default", "securityContext", security, "containers", container, "volumes", volumes);

    return json_pack("{ssssso so}", "apiVersion", "v1", "kind", "Pod", "metadata",
                     describe_metadata(pod, name), "spec", spec);
}

json_t *kubernetes_pod_secret(const struct kubernetes_pod *pod, const char *name)
{
    return json_pack("{ssssso ss sb s{ss}}", "apiVersion", "v1", "kind", "Secret", "metadata",
                     describe_metadata(pod, name), "type", "Opaque", "immutable", 1,
                     "stringData", "line", pod->start->credentials);
}
