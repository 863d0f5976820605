#include "net/door.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "net/hello.h"

struct stranger {
    struct link *link;
    uint64_t due_ms; /* of the loop's clock */
};

struct door {
    struct door_setup setup;
    struct listener *listener;
    uv_timer_t timer; /* for the stranger who is there longest */
    unsigned n_strangers;
    struct stranger strangers[DOOR_STRANGERS_MAX]; /* as they came */
};

static void patience_over(uv_timer_t *timer);

static void watch_first(struct door *door)
{
    uint64_t now = uv_now(door->timer.loop), due = door->strangers[0].due_ms;

    if (door->n_strangers == 0) {
        uv_timer_stop(&door->timer);
    } else {
        uv_timer_start(&door->timer, patience_over, due > now ? due - now : 0, 0);
    }
}

/* From now on the link is nobody's here. */
static void let_go(struct door *door, const struct link *link)
{
    unsigned i = 0;

    while (i < door->n_strangers && door->strangers[i].link != link) {
        i++;
    }
    if (i < door->n_strangers) {
        door->n_strangers--;
        memmove(&door->strangers[i], &door->strangers[i + 1],
                (door->n_strangers - i) * sizeof(*door->strangers));
        watch_first(door);
    }
}

static void log_stranger(const struct link *link, const char *why)
{
    char quoted[300];

    log_event(LOG_WARN, "net.stranger", "address=%s why=%s", link_peer(link),
              log_quote(why, quoted, sizeof(quoted)));
}

static void show_out(struct link *link, const char *why)
{
    log_stranger(link, why);
    link_close(link);
}

static void show_first_out(struct door *door, const char *why)
{
    struct link *link = door->strangers[0].link;

    let_go(door, link);
    show_out(link, why);
}

static void patience_over(uv_timer_t *timer)
{
    show_first_out(timer->data, "did not say hello");
}

static void stranger_opened(void *owner, struct link *link)
{
    struct door *door = owner;

    if (door->n_strangers == DOOR_STRANGERS_MAX) {
        show_first_out(door, "did not say hello before many others came");
    }
    uv_update_time(door->timer.loop);
    door->strangers[door->n_strangers++] =
        (struct stranger){link, uv_now(door->timer.loop) + door->setup.patience_ms};
    watch_first(door);
}

/* The name in a certificate is the only one that its owner may go by. */
static int check_name(const struct link *link, const struct hello *hello, struct error *err)
{
    const char *name = link_name(link);

    assert(hello->from != NULL);
    if (link_is_encrypted(link) && (name == NULL || strcmp(name, hello->from) != 0)) {
        return error_set(err, -EPROTO, "says that it is '%.80s' with the certificate of '%s'",
                         hello->from, name != NULL ? name : "");
    }
    return 0;
}

static void stranger_came(void *owner, struct link *link, const struct message *message,
                          void *payload)
{
    struct door *door = owner;
    struct hello hello = {0};
    struct error err;
    int r = message->kind == MESSAGE_HELLO
                ? hello_from_text(payload, message->size, &hello, &err)
                : error_set(&err, -EPROTO, "did not begin with hello");

    free(payload);
    let_go(door, link);
    if (r == 0) {
        r = check_name(link, &hello, &err);
    }
    if (r < 0) {
        show_out(link, err.text);
    } else if (!door->setup.hello(door->setup.owner, link, message, &hello)) {
        show_out(link, "is not known");
    }
    hello_finish(&hello);
}

static void stranger_closed(void *owner, struct link *link, const char *why)
{
    let_go(owner, link);
    if (link_was_refused(link)) {
        log_stranger(link, why);
    }
}

static const struct link_events stranger_events = {stranger_opened, stranger_came,
                                                   stranger_closed};

static void door_freed(uv_handle_t *handle)
{
    free(handle->data);
}

int door_open(uv_loop_t *loop, const struct door_setup *setup, struct door **ret_door,
              struct error *err)
{
    struct door *door = memory_new(1, sizeof(*door));
    const struct link_place place = {.address = setup->address, .tls = setup->tls};
    int r = listener_open(loop, &place, &stranger_events, door, &door->listener, err);

    if (r < 0) {
        free(door);
        return r;
    }
    door->setup = *setup;
    door->setup.address = NULL;
    door->setup.tls = NULL;
    if (door->setup.patience_ms == 0) {
        door->setup.patience_ms = DOOR_PATIENCE_MS;
    }
    uv_timer_init(loop, &door->timer);
    door->timer.data = door;
    *ret_door = door;
    return 0;
}

unsigned door_port(const struct door *door)
{
    return listener_port(door->listener);
}

void door_close(struct door *door)
{
    if (door == NULL) {
        return;
    }
    listener_close(door->listener);
    for (unsigned i = 0; i < door->n_strangers; i++) {
        link_close(door->strangers[i].link);
    }
    uv_close((uv_handle_t *)&door->timer, door_freed);
}
