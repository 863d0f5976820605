/* What comes on the data links, as events of the core. Nothing is believed that was not
 * checked: a peer that breaks the rules loses its link. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "net/hello.h"
#include "stage/peers_state.h"
#include "wire/payload.h"

/* What comes from a receiver. */

static int hear_welcome(struct peer *peer, const struct message *message, const void *payload,
                        struct core_event *event, struct error *err)
{
    struct welcome welcome = {0};
    int r = welcome_decode(payload, message->size, &welcome, err);

    if (r < 0) {
        return r;
    }
    event->kind = CORE_WELCOME_CAME;
    event->end = message->sequence;
    event->welcome = &welcome;
    r = peer->peers->events->event(peer->peers->owner, event, err);
    welcome_finish(&welcome);
    return r;
}

static int hear_receiver(struct peer *peer, const struct message *message, const void *payload,
                         struct error *err)
{
    const struct peers *peers = peer->peers;
    struct core_event event = {.out = true, .link = peer->index, .done = message->done};
    int channel = stage_config_out_channel(peers->config, message->channel);

    if ((message->kind == MESSAGE_WELCOME || message->kind == MESSAGE_CREDIT) && channel < 0) {
        return error_set(err, -EPROTO, "speaks of channel %u, which is not", message->channel);
    }
    event.channel = channel < 0 ? 0 : (unsigned)channel;
    switch (message->kind) {
    case MESSAGE_WELCOME:
        peer->established = true;
        return hear_welcome(peer, message, payload, &event, err);
    case MESSAGE_READY:
        log_event(LOG_INFO, "stage.link-up", "stage=%s peer=%s", peers->config->stage->name,
                  peer->name);
        peer->wait_ms = RETRY_FIRST_MS;
        event.kind = CORE_READY_CAME;
        break;
    case MESSAGE_CREDIT:
        event.kind = CORE_CREDIT_CAME;
        event.count = (unsigned)(message->sequence & UINT16_MAX);
        break;
    case MESSAGE_DONE:
        event.kind = CORE_DONE_CAME;
        break;
    default:
        return error_set(err, -EPROTO, "sent a message of kind %d, which is not a receiver's",
                         (int)message->kind);
    }
    return peers->events->event(peers->owner, &event, err);
}

/* What comes from a sender. */

static int hear_sender(struct peer *peer, const struct message *message, void **payload,
                       struct error *err)
{
    const struct peers *peers = peer->peers;
    struct core_event event = {
        .link = peer->index, .done = message->done, .end = message->sequence};
    int channel = stage_config_in_channel(peers->config, message->channel);

    if (message->kind != MESSAGE_DONE && channel < 0) {
        return error_set(err, -EPROTO, "speaks of channel %u, which is not", message->channel);
    }
    event.channel = channel < 0 ? 0 : (unsigned)channel;
    if (message->kind == MESSAGE_FRAME) {
        int r = payload_decode(message->sequence, STEAL(*payload), message->size, &event.frame,
                               err);
        if (r < 0) {
            return r;
        }
        event.kind = CORE_FRAME_CAME;
    } else if (message->kind == MESSAGE_END) {
        event.kind = CORE_END_CAME;
    } else if (message->kind == MESSAGE_DONE) {
        event.kind = CORE_DONE_CAME;
    } else {
        return error_set(err, -EPROTO, "sent a message of kind %d, which is not a sender's",
                         (int)message->kind);
    }
    return peers->events->event(peers->owner, &event, err);
}

void peer_came(void *owner, struct link *link, const struct message *message, void *payload)
{
    struct peer *peer = owner;
    struct error err;
    int r = peer->out ? hear_receiver(peer, message, payload, &err)
                      : hear_sender(peer, message, &payload, &err);

    free(payload);
    if (r < 0 && peer->link == link) {
        log_event(LOG_WARN, "stage.peer-refused", "stage=%s peer=%s why=\"%s\"",
                  peer->peers->config->stage->name, peer->name, err.text);
        peer_lost(peer, err.text);
    }
}

/* A controller that has come back, at another address, calls its stages. */
static bool is_call(const struct peers *peers, const struct hello *hello)
{
    return strcmp(hello->from, HELLO_CONTROLLER) == 0 && hello->address != NULL &&
           strcmp(hello->to, peers->config->stage->name) == 0 &&
           hello_token_equal(hello->token, peers->token);
}

bool peer_hello_came(void *owner, struct link *link, const struct message *message,
                     const struct hello *hello)
{
    struct peers *peers = owner;
    int index = stage_config_in_link(peers->config, hello->from);
    struct error err;

    if (is_call(peers, hello)) {
        peers->events->called(peers->owner, hello->address);
        return false;
    }
    if (index < 0 || strcmp(hello->to, peers->config->stage->name) != 0 ||
        !hello_token_equal(hello->token, peers->token)) {
        return false;
    }
    struct peer *peer = &peers->in[index];
    if (hello->life < peer->life) {
        log_event(LOG_WARN, "stage.peer-fenced", "stage=%s peer=%s life=%u",
                  peers->config->stage->name, peer->name, hello->life);
        return false;
    }
    peer->life = hello->life;
    if (peer->link != NULL) {
        peer_forget_link(peer);
    }
    peer->link = link;
    peer->established = true;
    link_trust(link);
    link_adopt(link, &peer_events, peer);
    const struct core_event event = {
        .kind = CORE_HELLO_CAME, .link = (unsigned)index, .done = message->done};
    peers->events->event(peers->owner, &event, &err);
    return true;
}
