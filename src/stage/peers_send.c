/* What the core wants sent, as messages on the data links. */
#include <stdlib.h>

#include "base/memory.h"
#include "stage/peers_state.h"

static void send_welcome(struct link *link, const struct core_effect *effect,
                         struct message *message)
{
    uint8_t *payload = memory_new(welcome_payload_size(&effect->welcome), 1);

    message->kind = MESSAGE_WELCOME;
    message->sequence = effect->end;
    message->size = (uint32_t)welcome_payload_size(&effect->welcome);
    welcome_encode(&effect->welcome, payload);
    link_send(link, message, payload);
    free(payload);
}

void peers_send(struct peers *peers, struct core_effect *effect)
{
    bool out = effect->out || effect->kind == CORE_SEND_FRAME || effect->kind == CORE_SEND_END;
    struct link *link = out ? peers->out[effect->link].link : peers->in[effect->link].link;
    struct message message = {.done = effect->done};

    if (link == NULL) {
        return;
    }
    if (effect->kind != CORE_SEND_DONE && effect->kind != CORE_SEND_READY) {
        message.channel = (uint16_t)(out ? peers->config->out[effect->channel]->id
                                         : peers->config->in[effect->channel]->id);
    }
    switch (effect->kind) {
    case CORE_SEND_WELCOME:
        send_welcome(link, effect, &message);
        return;
    case CORE_SEND_FRAME:
        message.kind = MESSAGE_FRAME;
        message.sequence = effect->sequence;
        link_send_frame(link, &message, effect->frame);
        return;
    case CORE_SEND_CREDIT:
        message.kind = MESSAGE_CREDIT;
        message.sequence = effect->count;
        break;
    case CORE_SEND_END:
        message.kind = MESSAGE_END;
        message.sequence = effect->end;
        break;
    case CORE_SEND_READY:
        message.kind = MESSAGE_READY;
        break;
    default:
        message.kind = MESSAGE_DONE;
        break;
    }
    link_send(link, &message, NULL);
}

json_t *peers_report(const struct peers *peers)
{
    json_t *report = json_array();

    for (unsigned i = 0; i < peers->config->core.n_out_links; i++) {
        const struct peer *peer = &peers->out[i];
        struct link_counters sum = peer->before;

        if (peer->link != NULL) {
            peer_add_counters(&sum, peer->link);
        }
        json_array_append_new(report, json_pack("{sssIsI}", "to", peer->name, "bytes",
                                                (json_int_t)sum.sent, "frames",
                                                (json_int_t)sum.frames_sent));
    }
    return report;
}
