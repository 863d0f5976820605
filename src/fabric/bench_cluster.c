#include "fabric/bench_cluster.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/test.h"
#include "fabric/bench.h"
#include "fabric/images.h"
#include "fabric/kubernetes_object.h"
#include "kube/api.h"
#include "kube/config.h"

static struct kube_config *config;
static char *space;

static int ask(const char *method, const char *path, const json_t *body, json_t **ret_answer,
               struct error *err)
{
    cleanup(memory_free) char *whole = memory_format("/api/v1/%s", path);
    const struct kube_call call = {.method = method, .path = whole, .body = body};

    return kube_ask_now(config, &call, ret_answer, err);
}

json_t *bench_ask(const char *method, const char *path, json_t *body)
{
    json_t *answer = NULL;
    struct error err;

    if (ask(method, path, body, &answer, &err) < 0) {
        fail_msg("%s %s: %s", method, path, err.text);
    }
    json_decref(body);
    return answer;
}

json_t *bench_look(const char *path)
{
    cleanup(memory_free) char *whole = memory_format("namespaces/%s/%s", space, path);
    json_t *answer = NULL;
    struct error err;

    if (ask("GET", whole, NULL, &answer, &err) < 0 && err.code != -ENOENT) {
        fail_msg("%s: %s", path, err.text);
    }
    return answer;
}

void bench_delete(const char *path)
{
    cleanup(memory_free) char *whole = memory_format("namespaces/%s/%s", space, path);

    json_decref(bench_ask("DELETE", whole, NULL));
}

size_t bench_count(const char *kind)
{
    cleanup(memory_free) char *path =
        memory_format("%s?labelSelector=" KUBERNETES_MANAGED "%%3Dbrume", kind);
    json_t *found = bench_look(path);
    size_t n = json_array_size(json_object_get(found, "items"));

    json_decref(found);
    return n;
}

char *bench_pod(void)
{
    json_t *found = bench_look("pods");
    const json_t *items = json_object_get(found, "items");

    assert_int_equal(json_array_size(items), 1);
    char *name = memory_text(kubernetes_text(json_array_get(items, 0), "metadata", "name"));
    json_decref(found);
    return name;
}

static bool node_has(const json_t *node, const char *image)
{
    const json_t *one, *name;
    size_t i, j;

    json_array_foreach(kubernetes_part(node, "status", "images"), i, one)
    {
        json_array_foreach(json_object_get(one, "names"), j, name)
        {
            const char *text = json_string_value(name);
            const char *found = text != NULL ? strstr(text, image) : NULL;
            if (found != NULL && strcmp(found, image) == 0) {
                return true;
            }
        }
    }
    return false;
}

/* What was brought just now the nodes tell of only later. */
static bool has_image(void)
{
    cleanup(memory_free) char *image = images_name("all");
    json_t *nodes;
    const json_t *node;
    bool all = true;
    size_t i;

    if (getenv("BRUME_TEST_LOAD") != NULL) { /* NOLINT(concurrency-mt-unsafe) */
        return true;
    }
    nodes = bench_ask("GET", "nodes", NULL);
    json_array_foreach(json_object_get(nodes, "items"), i, node)
    {
        all = all && node_has(node, image);
    }
    json_decref(nodes);
    if (!all) {
        printf("1..0 # SKIP the nodes do not have the image %s, and BRUME_TEST_LOAD names "
               "nothing that loads it\n",
               image);
    }
    return all;
}

/* Without an account there are no pods, and a new namespace has one only after a moment. */
static void wait_for_account(void)
{
    const struct timespec moment = {.tv_nsec = 50000000};
    json_t *account;

    while ((account = bench_look("serviceaccounts/default")) == NULL) {
        nanosleep(&moment, NULL);
    }
    json_decref(account);
}

bool bench_make_space(void)
{
    struct error err;

    if (kube_config_load(&config, &err) < 0) {
        printf("1..0 # SKIP %s\n", err.text);
        return false;
    }
    if (!has_image()) {
        kube_config_destroy(STEAL(config));
        return false;
    }
    space = memory_format("brume-test-%06llx", (unsigned long long)clock_wall_ns() & 0xffffff);
    json_decref(bench_ask("POST", "namespaces",
                          json_pack("{ssss s{ss}}", "apiVersion", "v1", "kind", "Namespace",
                                    "metadata", "name", space)));
    wait_for_account();
    bench_space = space;
    return true;
}

void bench_remove_space(void)
{
    cleanup(memory_free) char *path = memory_format("namespaces/%s", space);
    cleanup(memory_free) char *node = memory_format("nodes/%s", space);
    struct error ignored;

    (void)ask("DELETE", node, NULL, NULL, &ignored);
    json_decref(bench_ask("DELETE", path, NULL));
    bench_space = NULL;
    memory_free(&space);
    kube_config_destroy(STEAL(config));
}
