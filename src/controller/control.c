#include "controller/control.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "fabric/fabric.h"
#include "net/authority.h"
#include "net/credentials.h"
#include "net/door.h"
#include "net/hello.h"
#include "net/tls.h"

_Static_assert((int)FABRIC_CREDENTIALS_MAX >= (int)CREDENTIALS_LINE_MAX,
               "credentials fit a fabric");

struct guest {
    struct guest *next;
    struct control *control;
    char *stage;
    char token[CONTROL_TOKEN_SIZE];
    struct link *link;
    uint64_t heard_ms; /* 0: not yet */
};

/* A call to a stage, until it was heard or refused. */
struct call {
    struct call *next;
    struct control *control;
    char *stage, *data_token;
    struct link *link;
};

struct control {
    uv_loop_t *loop;
    const struct control_events *events;
    void *owner;
    struct authority *authority; /* NULL: links are not encrypted */
    struct tls_context *tls;
    struct door *door;
    char address[128];
    struct guest *guests;
    struct call *calls;
};

void control_token(char ret_token[CONTROL_TOKEN_SIZE])
{
    unsigned char bytes[(CONTROL_TOKEN_SIZE - 1) / 2];

    if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes)) {
        abort();
    }
    for (size_t i = 0; i < sizeof(bytes); i++) {
        snprintf(ret_token + 2 * i, 3, "%02x", bytes[i]);
    }
}

static struct guest *find(const struct control *control, const char *stage)
{
    struct guest *guest = control->guests;

    while (guest != NULL && strcmp(guest->stage, stage) != 0) {
        guest = guest->next;
    }
    return guest;
}

static void guest_came(void *owner, struct link *link, const struct message *message,
                       void *payload)
{
    struct guest *guest = owner;
    struct control *control = guest->control;

    (void)link;
    guest->heard_ms = clock_ms();
    cleanup(json_decrefp) json_t *json =
        payload == NULL || message->kind != MESSAGE_CONTROL
            ? NULL
            : json_loadb(payload, message->size, JSON_REJECT_DUPLICATES, NULL);
    free(payload);
    if (json == NULL) {
        log_event(LOG_WARN, "controller.unreadable", "stage=%s", guest->stage);
        return;
    }
    control->events->said(control->owner, guest->stage, json);
}

static void guest_closed(void *owner, struct link *link, const char *why)
{
    struct guest *guest = owner;
    char quoted[200];

    (void)link;
    guest->link = NULL;
    log_event(LOG_INFO, "controller.link-lost", "stage=%s why=%s", guest->stage,
              log_quote(why, quoted, sizeof(quoted)));
    guest->control->events->lost(guest->control->owner, guest->stage);
}

static void nothing_opened(void *owner, struct link *link)
{
    (void)owner;
    (void)link;
}

static const struct link_events guest_events = {nothing_opened, guest_came, guest_closed};

static bool hello_came(void *owner, struct link *link, const struct message *message,
                       const struct hello *hello)
{
    struct control *control = owner;
    struct guest *guest = find(control, hello->from);

    (void)message;
    if (guest == NULL || !hello_token_equal(hello->token, guest->token)) {
        return false;
    }
    link_close(guest->link);
    guest->link = link;
    guest->heard_ms = clock_ms();
    link_trust(link);
    link_adopt(link, &guest_events, guest);
    control->events->hello(control->owner, guest->stage);
    return true;
}

static int make_authority(struct control *control, const char *text, struct error *err)
{
    struct credentials own = {0};
    int r = text != NULL ? authority_from_text(text, &control->authority, err)
                         : authority_create(&control->authority, err);

    if (r == 0) {
        r = authority_issue(control->authority, HELLO_CONTROLLER, &own, err);
    }
    if (r == 0) {
        r = tls_context_create(&own, &control->tls, err);
    }
    credentials_finish(&own);
    return r;
}

int control_create(uv_loop_t *loop, const struct control_setup *setup,
                   struct control **ret_control, struct error *err)
{
    struct control *control = memory_new(1, sizeof(*control));
    char address[96];

    control->loop = loop;
    control->events = setup->events;
    control->owner = setup->owner;
    snprintf(address, sizeof(address), "%s:0", setup->host);
    int r = setup->encrypted ? make_authority(control, setup->authority, err) : 0;
    if (r == 0) {
        const struct door_setup door = {
            .address = address, .tls = control->tls, .hello = hello_came, .owner = control};
        r = door_open(loop, &door, &control->door, err);
    }
    if (r < 0) {
        control_destroy(control);
        return r;
    }
    snprintf(control->address, sizeof(control->address), "%s:%u", setup->host,
             door_port(control->door));
    *ret_control = control;
    return 0;
}

const char *control_address(const struct control *control)
{
    return control->address;
}

static struct guest *find_or_add(struct control *control, const char *stage)
{
    struct guest *guest = find(control, stage);

    if (guest == NULL) {
        guest = memory_new(1, sizeof(*guest));
        guest->next = control->guests;
        guest->control = control;
        guest->stage = memory_text(stage);
        control->guests = guest;
    }
    return guest;
}

int control_expect(struct control *control, const char *stage, char **ret_line,
                   struct error *err)
{
    struct guest *guest = find_or_add(control, stage);
    struct credentials credentials = {0};
    int r = control->authority == NULL
                ? 0
                : authority_issue(control->authority, stage, &credentials, err);

    link_close(STEAL(guest->link));
    guest->heard_ms = 0;
    control_token(guest->token);
    if (r == 0) {
        credentials.token = memory_text(guest->token);
        *ret_line = credentials_to_line(&credentials);
    }
    credentials_finish(&credentials);
    return r;
}

char *control_authority(const struct control *control)
{
    return control->authority != NULL ? authority_to_text(control->authority) : NULL;
}

char *control_stage_token(const struct control *control, const char *stage)
{
    const struct guest *guest = find(control, stage);

    return guest != NULL ? memory_text(guest->token) : NULL;
}

static void end_call(struct call *call)
{
    struct call **place = &call->control->calls;

    while (*place != call) {
        place = &(*place)->next;
    }
    *place = call->next;
    link_close(call->link);
    free(call->stage);
    memory_wipe(&call->data_token);
    free(call);
}

static void call_opened(void *owner, struct link *link)
{
    const struct call *call = owner;
    cleanup(memory_wipe) char *text =
        hello_to_text(&(struct hello){.from = (char *)(uintptr_t)HELLO_CONTROLLER,
                                      .to = call->stage,
                                      .token = call->data_token,
                                      .address = (char *)(uintptr_t)call->control->address});

    link_send_text(link, MESSAGE_HELLO, text);
}

static void call_answered(void *owner, struct link *link, const struct message *message,
                          void *payload)
{
    (void)link;
    (void)message;
    free(payload);
    end_call(owner);
}

/* The stage hangs up when it has heard; if it has not, its silence tells. */
static void call_closed(void *owner, struct link *link, const char *why)
{
    struct call *call = owner;

    (void)link;
    log_event(LOG_DEBUG, "controller.called", "stage=%s end=\"%s\"", call->stage, why);
    call->link = NULL;
    end_call(call);
}

static const struct link_events call_events = {call_opened, call_answered, call_closed};

int control_call(struct control *control, const char *stage, const char *token,
                 const char *address, const char *data_token, struct error *err)
{
    struct guest *guest = find_or_add(control, stage);
    struct call *call = memory_new(1, sizeof(*call));
    const struct link_place place = {.address = address, .tls = control->tls, .name = stage};

    snprintf(guest->token, sizeof(guest->token), "%s", token);
    guest->heard_ms = clock_ms();
    call->control = control;
    call->stage = memory_text(stage);
    call->data_token = memory_text(data_token);
    call->next = control->calls;
    control->calls = call;
    int r = link_dial(control->loop, &place, &call_events, call, &call->link, err);
    if (r < 0) {
        end_call(call);
    }
    return r;
}

void control_send(struct control *control, const char *stage, json_t *message)
{
    struct guest *guest = find(control, stage);
    char *text = json_dumps(message, JSON_COMPACT);

    json_decref(message);
    if (guest != NULL && guest->link != NULL && text != NULL) {
        link_send_text(guest->link, MESSAGE_CONTROL, text);
    }
    free(text);
}

void control_send_piece(struct control *control, const char *stage, uint64_t offset,
                        const void *bytes, size_t size)
{
    struct guest *guest = find(control, stage);
    const struct message message = {
        .kind = MESSAGE_FILE, .sequence = offset, .size = (uint32_t)size};

    if (guest != NULL && guest->link != NULL) {
        link_send(guest->link, &message, bytes);
    }
}

uint64_t control_silence(const struct control *control, const char *stage)
{
    const struct guest *guest = find(control, stage);

    return guest == NULL || guest->heard_ms == 0 ? 0 : clock_ms() - guest->heard_ms;
}

bool control_hears(const struct control *control)
{
    for (const struct guest *guest = control->guests; guest != NULL; guest = guest->next) {
        if (guest->heard_ms != 0) {
            return true;
        }
    }
    return false;
}

void control_forgive(struct control *control)
{
    for (struct guest *guest = control->guests; guest != NULL; guest = guest->next) {
        guest->heard_ms = guest->heard_ms == 0 ? 0 : clock_ms();
    }
}

void control_forget(struct control *control, const char *stage)
{
    struct guest **place = &control->guests;

    while (*place != NULL && strcmp((*place)->stage, stage) != 0) {
        place = &(*place)->next;
    }
    if (*place != NULL) {
        struct guest *guest = *place;
        *place = guest->next;
        link_close(guest->link);
        explicit_bzero(guest->token, sizeof(guest->token));
        free(guest->stage);
        free(guest);
    }
}

void control_destroy(struct control *control)
{
    if (control == NULL) {
        return;
    }
    while (control->guests != NULL) {
        control_forget(control, control->guests->stage);
    }
    while (control->calls != NULL) {
        end_call(control->calls);
    }
    door_close(control->door);
    tls_context_unref(control->tls);
    authority_destroy(control->authority);
    free(control);
}
