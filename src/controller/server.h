/* The applications of a long-lived controller: each is a session with a record.
 *
 *   apply   a new name is started; a known one is updated in place where only parameters of
 *           operators changed (update.h), else its frames under way arrive, and it is started
 *           anew; other applications never notice
 *   delete  the frames under way arrive, then it is forgotten
 *
 * Before there are frames under way there is nothing to wait for. An application goes by its
 * name; in a cluster by "NAMESPACE/NAME".
 */
#ifndef CONTROLLER_SERVER_H
#define CONTROLLER_SERVER_H

#include <stdbool.h>
#include <uv.h>

#include "base/json.h"

struct cluster;
struct error;
struct server;

/* Who hears of what becomes of applications. Nothing of the server may be called from here but
 * what only looks. */
struct server_listener {
    void (*said)(void *owner, const char *name, const json_t *message); /* front.h */
    void (*ended)(void *owner, const char *name); /* by itself, and is still there */
    void (*gone)(void *owner, const char *name);  /* it was deleted */
    void *owner;
};

struct server_setup {
    uv_loop_t *loop;
    struct cluster *cluster;                /* that they run in, or NULL */
    const struct server_listener *listener; /* copied; or NULL */
};

struct server *server_create(const struct server_setup *setup);
/* Ends every application at once; the loop has to run until it has nothing to do. Accepts NULL.
 */
void server_close(struct server *server);
/* The same, but what can outlive this program goes on. */
void server_leave(struct server *server);
void server_destroy(struct server *server); /* after that; accepts NULL */

/* `request` as request.h has it. {"name", "result": "created", "configured" or "unchanged"}.
 * -EBUSY: it is being deleted; other errors say what is wrong with the request or its
 * manifest: then nothing was changed. */
int server_apply(struct server *server, const json_t *request, json_t **ret_answer,
                 struct error *err);

/* Each application's status (record.h), by name. */
json_t *server_list(const struct server *server);
/* -ENOENT with a sentence, as in the calls below. */
int server_get(const struct server *server, const char *name, json_t **ret_status,
               struct error *err);
int server_log(const struct server *server, const char *name, uint64_t since, json_t **ret_log,
               struct error *err);
/* `now`: without waiting for the frames under way. */
int server_delete(struct server *server, const char *name, bool now, struct error *err);

#endif
