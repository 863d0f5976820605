/* Descriptors that sources wait for: a source that said "later" is asked again when its own can
 * be read. */
#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"
#include "stage/shell_state.h"

struct watch {
    uv_poll_t poll;
    struct shell *shell;
    unsigned operator_id;
};

static void watch_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void watch_stop(struct shell *shell, unsigned operator_id)
{
    struct watch *watch = STEAL(shell->watches[operator_id]);

    if (watch != NULL) {
        uv_close((uv_handle_t *)&watch->poll, watch_closed);
    }
}

static void watch_woke(uv_poll_t *poll, int status, int events)
{
    const struct watch *watch = poll->data;
    struct shell *shell = watch->shell;
    const struct core_event event = {.kind = CORE_SOURCE_WOKEN,
                                     .operator_id = watch->operator_id};
    struct error err;

    (void)status;
    (void)events;
    watch_stop(shell, watch->operator_id);
    stream_feed(shell, &event, &err);
}

/* One that cannot be watched is asked again when its time is up. */
void watch_start(struct shell *shell, unsigned operator_id, int descriptor)
{
    struct watch *watch = descriptor < 0 ? NULL : memory_new(1, sizeof(*watch));

    if (watch == NULL || uv_poll_init(shell->loop, &watch->poll, descriptor) < 0) {
        free(watch);
        return;
    }
    watch->poll.data = watch;
    watch->shell = shell;
    watch->operator_id = operator_id;
    shell->watches[operator_id] = watch;
    uv_poll_start(&watch->poll, UV_READABLE | UV_DISCONNECT, watch_woke);
}
