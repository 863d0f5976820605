#include "controller/server.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "controller/record.h"
#include "controller/session.h"
#include "controller/update.h"
#include "fabric/fabric.h"

/* What was asked for and not started yet. */
struct wish {
    struct request *request;
    struct application *application;
};

struct tenant {
    struct tenant *next;
    struct server *server;
    char *name;
    json_t *request; /* as it was asked for last */
    struct record *record;
    struct session *session; /* NULL: it has ended */
    bool closed;             /* the session has, and waits to be destroyed */
    bool deleted;
    struct wish wish; /* to be started when the session has ended */
};

struct server {
    uv_loop_t *loop;
    struct cluster *cluster;
    struct server_listener listener;
    uv_timer_t reaper; /* sessions outlive their end by a turn of the loop */
    bool closing;
    struct tenant *tenants; /* by name */
};

static void finish_wish(struct wish *wish)
{
    request_destroy(STEAL(wish->request));
    application_destroy(STEAL(wish->application));
}

static void tenant_said(void *owner, const json_t *message)
{
    const struct tenant *tenant = owner;
    const struct server_listener *listener = &tenant->server->listener;

    record_take(tenant->record, message, clock_wall_ms());
    if (listener->said != NULL) {
        listener->said(listener->owner, tenant->name, message);
    }
}

static void reap_due(uv_timer_t *timer);

static void tenant_closed(void *owner)
{
    struct tenant *tenant = owner;

    tenant->closed = true;
    uv_timer_start(&tenant->server->reaper, reap_due, 0, 0);
}

static void start(struct tenant *tenant)
{
    const struct front_listener listener = {tenant_said, tenant_closed, tenant};
    struct wish wish = tenant->wish;

    tenant->wish = (struct wish){0};
    if (tenant->record == NULL) {
        tenant->record = record_create(tenant->name, clock_wall_ms());
    }
    record_begin(tenant->record, wish.request->fabric);
    tenant->session = session_create(tenant->server->loop, &listener);
    tenant->session->cluster = tenant->server->cluster;
    session_start(tenant->session, wish.request, wish.application);
}

static void free_tenant(struct tenant *tenant)
{
    finish_wish(&tenant->wish);
    record_destroy(tenant->record);
    json_decref(tenant->request);
    free(tenant->name);
    free(tenant);
}

static void tell(const struct tenant *tenant, void (*what)(void *owner, const char *name))
{
    if (what != NULL && !tenant->server->closing) {
        what(tenant->server->listener.owner, tenant->name);
    }
}

static void bury_session(struct tenant *tenant)
{
    tenant->closed = false;
    session_destroy(STEAL(tenant->session));
    if (!tenant->deleted && tenant->wish.request == NULL) {
        tell(tenant, tenant->server->listener.ended);
    }
}

static void reap_due(uv_timer_t *timer)
{
    struct server *server = timer->data;

    for (struct tenant **at = &server->tenants; *at != NULL;) {
        struct tenant *tenant = *at;

        if (tenant->closed) {
            bury_session(tenant);
        }
        if (tenant->session == NULL && tenant->deleted) {
            *at = tenant->next;
            tell(tenant, server->listener.gone);
            free_tenant(tenant);
            continue;
        }
        if (tenant->session == NULL && tenant->wish.request != NULL && !server->closing) {
            start(tenant);
        }
        at = &tenant->next;
    }
}

struct server *server_create(const struct server_setup *setup)
{
    struct server *server = memory_new(1, sizeof(*server));

    server->loop = setup->loop;
    server->cluster = setup->cluster;
    if (setup->listener != NULL) {
        server->listener = *setup->listener;
    }
    uv_timer_init(server->loop, &server->reaper);
    server->reaper.data = server;
    return server;
}

static void end_all(struct server *server, bool leave)
{
    server->closing = true;
    for (struct tenant *tenant = server->tenants; tenant != NULL; tenant = tenant->next) {
        if (tenant->session != NULL && leave && !tenant->deleted) {
            session_leave(tenant->session);
        } else if (tenant->session != NULL) {
            session_close(tenant->session, EX_OK);
        }
    }
}

void server_close(struct server *server)
{
    if (server != NULL && !server->closing) {
        end_all(server, false);
    }
}

void server_leave(struct server *server)
{
    if (server != NULL && !server->closing) {
        end_all(server, true);
    }
}

void server_destroy(struct server *server)
{
    if (server == NULL) {
        return;
    }
    while (server->tenants != NULL) {
        struct tenant *tenant = server->tenants;
        server->tenants = tenant->next;
        free_tenant(tenant);
    }
    uv_close((uv_handle_t *)&server->reaper, NULL);
    uv_run(server->loop, UV_RUN_DEFAULT);
    free(server);
}

static struct tenant *find(const struct server *server, const char *name)
{
    struct tenant *tenant = server->tenants;

    while (tenant != NULL && strcmp(tenant->name, name) != 0) {
        tenant = tenant->next;
    }
    return tenant;
}

static int find_or_say(const struct server *server, const char *name,
                       struct tenant **ret_tenant, struct error *err)
{
    *ret_tenant = find(server, name);
    return *ret_tenant != NULL
               ? 0
               : error_set(err, -ENOENT, "there is no application '%.64s'", name);
}

static struct tenant *add(struct server *server, const char *name)
{
    struct tenant *tenant = memory_new(1, sizeof(*tenant)), **at = &server->tenants;

    tenant->server = server;
    tenant->name = memory_text(name);
    while (*at != NULL && strcmp((*at)->name, name) < 0) {
        at = &(*at)->next;
    }
    tenant->next = *at;
    *at = tenant;
    return tenant;
}

/* As long as no stage ran there are no frames that could arrive. */
static void end_gently(struct tenant *tenant, const char *why)
{
    bool ran = record_phase(tenant->record) >= RECORD_RUNNING;

    record_enter(tenant->record, RECORD_DRAINING, why, clock_wall_ms());
    if (ran) {
        session_drain(tenant->session);
    } else {
        session_close(tenant->session, EX_OK);
    }
}

/* Takes the wish; returns what became of it. */
static const char *take_wish(struct tenant *tenant, bool same_options, struct wish *wish)
{
    bool runs = tenant->session != NULL && !tenant->closed;
    enum update_kind kind = runs && same_options && tenant->wish.request == NULL
                                ? session_update(tenant->session, &wish->application)
                                : UPDATE_ANEW;

    if (kind == UPDATE_IN_PLACE) {
        record_enter(tenant->record, RECORD_UPDATING, "updated in place", clock_wall_ms());
    }
    if (kind != UPDATE_ANEW) {
        finish_wish(wish);
        return kind == UPDATE_NOTHING ? "unchanged" : "configured";
    }
    finish_wish(&tenant->wish);
    tenant->wish = *wish;
    if (tenant->session == NULL) {
        start(tenant);
    } else {
        end_gently(tenant,
                   "changed in ways that need another plan: it ends, and is started anew");
    }
    return "configured";
}

/* Whether all but the manifest is as it was. */
static bool same_options(const json_t *before, const json_t *after)
{
    cleanup(json_decrefp) json_t *a = json_copy((json_t *)(uintptr_t)before);
    cleanup(json_decrefp) json_t *b = json_copy((json_t *)(uintptr_t)after);

    json_object_del(a, "application");
    json_object_del(b, "application");
    json_object_del(a, "manifest");
    json_object_del(b, "manifest");
    json_object_del(b, "kept");
    return json_equal(a, b);
}

static int read_wish(const json_t *json, struct wish *ret_wish, struct error *err)
{
    int r = request_read(json, &ret_wish->request, err);

    if (r == 0 && ret_wish->request->kind != REQUEST_RUN) {
        r = error_set(err, -EINVAL, "what is applied is run, and nothing else");
    }
    if (r == 0) {
        r = request_load(ret_wish->request, &ret_wish->application, err);
    }
    if (r < 0) {
        finish_wish(ret_wish);
    }
    return r;
}

static char *name_of(const struct server *server, const struct wish *wish)
{
    const char *name = wish->application->graph->name, *space = wish->request->space;

    return server->cluster != NULL && space != NULL ? memory_format("%s/%s", space, name)
                                                    : memory_text(name);
}

int server_apply(struct server *server, const json_t *request, json_t **ret_answer,
                 struct error *err)
{
    const char *result = "created";
    struct wish wish = {0};
    int r = read_wish(request, &wish, err);

    if (r < 0) {
        return r;
    }
    cleanup(memory_free) char *name = name_of(server, &wish);
    struct tenant *tenant = find(server, name);
    if (tenant != NULL && tenant->deleted) {
        r = error_set(err, -EBUSY, "application '%s' is being deleted", name);
        finish_wish(&wish);
        return r;
    }
    if (tenant == NULL) {
        tenant = add(server, name);
        tenant->wish = wish;
        start(tenant);
    } else {
        result = take_wish(tenant, same_options(tenant->request, request), &wish);
    }
    json_decref(tenant->request);
    tenant->request = json_deep_copy(request);
    json_object_del(tenant->request, "kept");
    *ret_answer = json_pack("{ssss}", "name", tenant->name, "result", result);
    return 0;
}

json_t *server_list(const struct server *server)
{
    json_t *list = json_array();

    for (const struct tenant *tenant = server->tenants; tenant != NULL; tenant = tenant->next) {
        json_array_append_new(list, record_status(tenant->record, clock_wall_ms()));
    }
    return list;
}

int server_get(const struct server *server, const char *name, json_t **ret_status,
               struct error *err)
{
    struct tenant *tenant;
    int r = find_or_say(server, name, &tenant, err);

    if (r == 0) {
        *ret_status = record_status(tenant->record, clock_wall_ms());
    }
    return r;
}

int server_log(const struct server *server, const char *name, uint64_t since, json_t **ret_log,
               struct error *err)
{
    struct tenant *tenant;
    int r = find_or_say(server, name, &tenant, err);

    if (r == 0) {
        *ret_log = record_log(tenant->record, since);
    }
    return r;
}

int server_delete(struct server *server, const char *name, bool now, struct error *err)
{
    struct tenant *tenant;
    int r = find_or_say(server, name, &tenant, err);

    if (r < 0) {
        return r;
    }
    finish_wish(&tenant->wish);
    bool first = !tenant->deleted;
    tenant->deleted = true;
    if (tenant->session == NULL) {
        uv_timer_start(&server->reaper, reap_due, 0, 0);
    } else if (now) {
        session_close(tenant->session, EX_OK);
    } else if (first) {
        end_gently(tenant, "it is being deleted");
    }
    return 0;
}
