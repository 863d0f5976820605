/* What a session does for a single stage: has it started, with all it needs, and gives it
 * files.
 */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "controller/carry.h"
#include "controller/needs.h"
#include "controller/session.h"

/* Sinks that are measured write to the run's folder. */
static size_t keep_rehearsed(struct fabric_mount *mounts, size_t n, const char *folder)
{
    size_t kept = 0;

    for (size_t i = 0; i < n; i++) {
        if (!mounts[i].writable || (folder != NULL && strcmp(mounts[i].path, folder) == 0)) {
            mounts[kept++] = mounts[i];
        } else {
            free(mounts[i].path);
        }
    }
    return kept;
}

int session_start_stage(struct session *session, const struct stage_start *what,
                        struct error *err)
{
    const struct deployment_stage *stage = &what->deployment->stages[what->index];
    cleanup(memory_wipe) char *credentials = NULL;
    size_t n_mounts = 0;
    int r = control_expect(session->control, stage->name, &credentials, err);

    if (r < 0) {
        return r;
    }
    bool remote = session->fabric->ops->remote;
    struct fabric_mount *mounts = needs_mounts(what->deployment, stage->group,
                                               session_folder(session), !remote, &n_mounts);
    if (what->rehearses) {
        n_mounts = keep_rehearsed(mounts, n_mounts, session_folder(session));
    }
    const struct fabric_start start = {
        .stage = stage->name,
        .device = stage->device,
        .life = what->life,
        .controller = control_address(session->control),
        .credentials = credentials,
        .image = stage->image,
        .n_mounts = n_mounts,
        .mounts = mounts,
        .memory = remote ? what->memory : 0,
        .cores = what->cores,
    };

    if (remote) {
        r = carry_offer(session->carry, stage->name, n_mounts, mounts, err);
    }
    if (r == 0) {
        r = session->fabric->ops->start(session->fabric, &start, what->done, what->owner, err);
    }
    needs_free_mounts(mounts, n_mounts);
    return r;
}

json_t *session_deployment(const struct session *session, const struct deployment *deployment)
{
    return session->fabric->ops->remote ? needs_remote_deployment(deployment)
                                        : deployment_to_json(deployment);
}

json_t *session_files(const struct session *session, const char *stage)
{
    return carry_list(session->carry, stage);
}

void session_give_piece(struct session *session, const char *stage, const json_t *message)
{
    cleanup(memory_free) struct carry_piece *piece = memory_new(1, sizeof(*piece));
    struct error err;

    if (carry_answer(session->carry, stage, message, piece, &err) == 0) {
        control_send_piece(session->control, stage, piece->offset, piece->bytes, piece->size);
    } else {
        control_send(session->control, stage,
                     json_pack("{ssso}", "type", "no-file", "error", json_line(err.text)));
    }
}
