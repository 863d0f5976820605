/* Checkpoints that the controller keeps as well, of a stage that may be started again on
 * another machine, without the disk of this one. One is kept, for the core, when the controller
 * says so. A controller that is away holds nothing up: what is on disk is kept then, and told
 * when it is back. A large one waits for its turn, so that others have the link and the
 * controller, too. */
#include <string.h>

#include "base/base64.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "stage/shell_state.h"

/* Bytes of what the operators of a stage remember: a message to a stage holds all of it, and
 * the controller too. */
enum { TOLD_MOST = 8 << 20, BYTES_PER_MS = 4000 };

struct shell_checkpoint {
    json_t *message; /* of the last; NULL: there was none yet */
    uint64_t mark;
    bool waits;       /* the core has not heard yet that it is kept */
    bool answered;    /* but the controller has it */
    bool large;       /* the controller does not take it, which was told */
    uint64_t rest_ms; /* the core hears it then at the earliest */
};

void checkpoints_open(struct shell *shell)
{
    if (json_is_object(json_object_get(shell->told, "checkpoints"))) {
        shell->checkpoints =
            memory_new(shell->config->core.n_operators, sizeof(*shell->checkpoints));
    }
}

void checkpoints_close(struct shell *shell)
{
    for (unsigned i = 0; shell->checkpoints != NULL && i < shell->config->core.n_operators;
         i++) {
        json_decref(shell->checkpoints[i].message);
    }
    memory_free(&shell->checkpoints);
}

/* For each operator. */
static size_t most(const struct shell *shell)
{
    size_t n = 0;

    for (unsigned i = 0; i < shell->config->core.n_operators; i++) {
        n += shell->config->core.operators[i].stateful;
    }
    return TOLD_MOST / (n > 0 ? n : 1);
}

static void tell_core(struct shell *shell, unsigned operator_id)
{
    const struct core_event event = {.kind = CORE_KEPT, .operator_id = operator_id};
    struct error err;

    stream_feed(shell, &event, &err);
}

/* Without data: it is too much, and the controller forgets the one before, which is of frames
 * that are not sent again. */
static json_t *to_message(struct shell *shell, unsigned operator_id)
{
    const char *name = shell->config->operators[operator_id]->name;
    const struct operator_saved *saved = runner_snapshot(shell->runner, operator_id);
    struct shell_checkpoint *checkpoint = &shell->checkpoints[operator_id];
    cleanup(memory_free) char *data = NULL;

    if (saved->size <= most(shell)) {
        data = base64_encode(saved->data, saved->size);
    } else if (!checkpoint->large) {
        checkpoint->large = true;
        log_event(LOG_WARN, "stage.checkpoint-large", "operator=%s bytes=%zu most=%zu", name,
                  saved->size, most(shell));
    }
    return json_pack("{sssssIss?}", "type", "checkpoint", "operator", name, "mark",
                     (json_int_t)checkpoint->mark, "data", data);
}

void checkpoints_written(void *owner, unsigned operator_id, const struct error *failure)
{
    struct shell *shell = owner;

    if (failure != NULL) {
        shell_fail(shell, failure);
        return;
    }
    if (shell->checkpoints == NULL) {
        tell_core(shell, operator_id);
        return;
    }
    struct shell_checkpoint *checkpoint = &shell->checkpoints[operator_id];
    checkpoint->mark = runner_mark(shell->runner, operator_id);
    json_decref(checkpoint->message);
    checkpoint->message = to_message(shell, operator_id);
    if (shell->control == NULL) {
        tell_core(shell, operator_id);
        return;
    }
    checkpoint->waits = true;
    checkpoint->answered = false;
    checkpoint->rest_ms =
        clock_ms() + runner_snapshot(shell->runner, operator_id)->size / BYTES_PER_MS;
    shell_say(shell, json_incref(checkpoint->message));
}

/* Tells the core of those that were answered and have rested; the clock comes for the others.
 */
void checkpoints_rested(uv_timer_t *timer)
{
    struct shell *shell = timer->data;
    uint64_t now = clock_ms(), next = UINT64_MAX;

    for (unsigned i = 0; shell->checkpoints != NULL && shell->core != NULL &&
                         i < shell->config->core.n_operators;
         i++) {
        struct shell_checkpoint *checkpoint = &shell->checkpoints[i];

        if (!checkpoint->waits || !checkpoint->answered) {
            continue;
        }
        if (now >= checkpoint->rest_ms) {
            checkpoint->waits = false;
            tell_core(shell, i);
        } else if (checkpoint->rest_ms < next) {
            next = checkpoint->rest_ms;
        }
    }
    if (next != UINT64_MAX) {
        uv_timer_start(timer, checkpoints_rested, next - now, 0);
    }
}

void checkpoints_heard(struct shell *shell, const json_t *message)
{
    const char *name = json_string_value(json_object_get(message, "operator"));
    json_int_t mark = json_integer_value(json_object_get(message, "mark"));

    for (unsigned i = 0; name != NULL && shell->checkpoints != NULL && shell->core != NULL &&
                         i < shell->config->core.n_operators;
         i++) {
        struct shell_checkpoint *checkpoint = &shell->checkpoints[i];

        if (checkpoint->waits && (json_int_t)checkpoint->mark == mark &&
            strcmp(shell->config->operators[i]->name, name) == 0) {
            checkpoint->answered = true;
        }
    }
    checkpoints_rested(&shell->rest);
}

void checkpoints_wait_no_more(struct shell *shell)
{
    for (unsigned i = 0; shell->checkpoints != NULL && shell->core != NULL &&
                         i < shell->config->core.n_operators;
         i++) {
        if (shell->checkpoints[i].waits) {
            shell->checkpoints[i].waits = false;
            tell_core(shell, i);
        }
    }
}

void checkpoints_say_again(struct shell *shell)
{
    for (unsigned i = 0; shell->checkpoints != NULL && i < shell->config->core.n_operators;
         i++) {
        if (shell->checkpoints[i].message != NULL) {
            shell_say(shell, json_incref(shell->checkpoints[i].message));
        }
    }
}
