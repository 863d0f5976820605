#include "controller/leader.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "controller/control.h"
#include "controller/metrics.h"
#include "controller/profiles.h"
#include "controller/resources.h"
#include "controller/web.h"
#include "fabric/cluster.h"
#include "kube/api.h"
#include "kube/config.h"
#include "kube/lease.h"

static const int ending_signals[] = {SIGTERM, SIGINT};
enum { N_ENDING = sizeof(ending_signals) / sizeof(*ending_signals), WHY_MOST = 512 };

/* What needs the API server, and may be in trouble with it. */
enum need { NEED_LEASE, NEED_NODES, N_NEEDS };
static const char *const needs[] = {[NEED_LEASE] = "lease", [NEED_NODES] = "nodes"};

struct leader {
    uv_loop_t *loop;
    const struct leader_setup *setup;
    struct kube_api *api;
    struct kube_api *own; /* for the lease alone: what it asks waits for nothing else */
    struct kube_lease *lease;
    struct web *web;
    struct cluster *cluster; /* the three of one that acts, or NULL */
    struct profiles *profiles;
    struct resources *resources; /* once the other two are there */
    bool loaded;                 /* profiles are */
    char *trouble[N_NEEDS];      /* why, or NULL */
    double started;
    uv_signal_t signals[N_ENDING];
    bool ending;
    int code;
};

static void set_trouble(struct leader *leader, enum need need, const char *why)
{
    char quoted[WHY_MOST];

    if (why != NULL) {
        log_event(LOG_WARN, "controller.cluster-away", "what=%s why=%s", needs[need],
                  log_quote(why, quoted, sizeof(quoted)));
    } else if (leader->trouble[need] != NULL) {
        log_event(LOG_WARN, "controller.cluster-back", "what=%s", needs[need]);
    }
    free(leader->trouble[need]);
    leader->trouble[need] = memory_text(why);
}

/* ---- acting ------------------------------------------------------------------------------ */

static void act(struct leader *leader)
{
    const struct resources_setup setup = {.loop = leader->loop,
                                          .api = leader->api,
                                          .cluster = leader->cluster,
                                          .profiles = leader->profiles,
                                          .space = leader->setup->space,
                                          .files = leader->setup->files};

    if (leader->loaded && cluster_is_complete(leader->cluster) && leader->resources == NULL &&
        !leader->ending) {
        leader->resources = resources_open(&setup);
    }
}

static void cluster_complete(void *owner)
{
    act(owner);
}

static void cluster_trouble(void *owner, const char *why)
{
    set_trouble(owner, NEED_NODES, why);
}

static void profiles_loaded(void *owner)
{
    struct leader *leader = owner;

    leader->loaded = true;
    act(leader);
}

/* The loop then runs out. */
static void leave(struct leader *leader, int code)
{
    if (leader->ending) {
        return;
    }
    leader->ending = true;
    leader->code = code;
    resources_leave(leader->resources);
    profiles_close(STEAL(leader->profiles), code == EX_OK);
    cluster_close(STEAL(leader->cluster));
    web_close(STEAL(leader->web));
    for (size_t i = 0; i < N_ENDING; i++) {
        uv_close((uv_handle_t *)&leader->signals[i], NULL);
    }
}

static void lease_won(void *owner)
{
    struct leader *leader = owner;
    const struct cluster_events events = {cluster_complete, cluster_trouble, leader};

    log_event(LOG_WARN, "controller.leading", "lease=" LEADER_LEASE);
    leader->cluster = cluster_open(leader->api, &events);
    leader->profiles = profiles_open(leader->api, kube_api_namespace(leader->api));
    profiles_load(leader->profiles, profiles_loaded, leader);
}

static void lease_lost(void *owner, const char *why)
{
    struct leader *leader = owner;
    char quoted[WHY_MOST];

    log_event(LOG_ERROR, "controller.lease-lost", "why=%s",
              log_quote(why, quoted, sizeof(quoted)));
    cluster_yield(leader->cluster); /* what it would keep is older than what is there */
    leave(leader, EX_TEMPFAIL);
    uv_stop(leader->loop);
}

static void lease_trouble(void *owner, const char *why)
{
    set_trouble(owner, NEED_LEASE, why);
}

static void asked_to_end(uv_signal_t *signal, int number)
{
    struct leader *leader = signal->data;

    (void)number;
    leave(leader, EX_OK);
    uv_stop(leader->loop);
}

/* ---- what it tells ----------------------------------------------------------------------- */

static const char *unready(void *owner)
{
    const struct leader *leader = owner;

    for (size_t i = 0; i < N_NEEDS; i++) {
        if (leader->trouble[i] != NULL) {
            return leader->trouble[i];
        }
    }
    if (leader->cluster == NULL) {
        return NULL; /* it waits for its turn */
    }
    return leader->resources != NULL ? resources_trouble(leader->resources)
                                     : "nodes are not listed yet";
}

static char *metrics(void *owner)
{
    const struct leader *leader = owner;
    bool acts = leader->resources != NULL;
    cleanup(json_decrefp) json_t *applications =
        acts ? resources_list(leader->resources) : json_array();
    cleanup(json_decrefp) json_t *usage = acts ? cluster_usage(leader->cluster) : NULL;
    struct metrics metrics = {.applications = applications,
                              .usage = usage,
                              .in_cluster = true,
                              .leader = kube_lease_holds(leader->lease),
                              .resident = memory_resident(),
                              .cpu_seconds = (double)clock_process_ns() / 1e9,
                              .started = leader->started};

    if (acts) {
        resources_count(leader->resources, &metrics.n_writes, &metrics.n_write_fails);
    }
    return metrics_render(&metrics);
}

/* ---- opening ----------------------------------------------------------------------------- */

/* Each application has links of its own. */
static void raise_limits(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static int open_web(struct leader *leader, struct error *err)
{
    const struct web_setup setup = {.loop = leader->loop,
                                    .address = leader->setup->http,
                                    .unready = unready,
                                    .metrics = metrics,
                                    .owner = leader};
    int r = web_open(&setup, &leader->web, err);

    if (r == 0) {
        log_event(LOG_WARN, "controller.http", "address=%s", web_address(leader->web));
    }
    return r;
}

static int open_api(uv_loop_t *loop, struct kube_api **ret_api, struct error *err)
{
    struct kube_config *config = NULL;
    int r = kube_config_load(&config, err);

    return r < 0 ? r : kube_api_open(loop, config, ret_api, err);
}

static void begin(struct leader *leader)
{
    const struct kube_lease_events events = {lease_won, lease_lost, lease_trouble, leader};
    char host[256] = "", dice[CONTROL_TOKEN_SIZE];

    gethostname(host, sizeof(host) - 1);
    control_token(dice);
    cleanup(memory_free) char *identity = memory_format("%s-%.8s", host, dice);
    for (size_t i = 0; i < N_ENDING; i++) {
        uv_signal_init(leader->loop, &leader->signals[i]);
        leader->signals[i].data = leader;
        uv_signal_start(&leader->signals[i], asked_to_end, ending_signals[i]);
    }
    leader->lease = kube_lease_open(leader->own, kube_api_namespace(leader->api), LEADER_LEASE,
                                    identity, &events);
}

int leader_run(uv_loop_t *loop, const struct leader_setup *setup)
{
    struct leader leader = {
        .loop = loop, .setup = setup, .started = (double)clock_wall_ms() / 1000};
    struct error err;

    raise_limits();
    int r = open_api(loop, &leader.api, &err);
    r = r < 0 ? r : open_api(loop, &leader.own, &err);
    r = r < 0 ? r : open_web(&leader, &err);
    if (r < 0) {
        fprintf(stderr, "brume-controller: %s\n", err.text);
        leader.code = error_exit_code(&err, EX_UNAVAILABLE);
    } else {
        begin(&leader);
        uv_run(loop, UV_RUN_DEFAULT);
        kube_lease_close(leader.lease);
    }
    kube_api_close(leader.own);
    kube_api_close(leader.api);
    uv_run(loop, UV_RUN_DEFAULT);
    resources_destroy(leader.resources);
    for (size_t i = 0; i < N_NEEDS; i++) {
        free(leader.trouble[i]);
    }
    return leader.code;
}
