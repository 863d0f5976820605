#include "stage/peers.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "net/hello.h"
#include "stage/peers_state.h"

void peer_add_counters(struct link_counters *sum, const struct link *link)
{
    struct link_counters counters;

    link_count(link, &counters);
    sum->sent += counters.sent;
    sum->received += counters.received;
    sum->frames_sent += counters.frames_sent;
    sum->frames_received += counters.frames_received;
}

void peer_forget_link(struct peer *peer)
{
    struct error err;

    peer_add_counters(&peer->before, peer->link);
    link_close(STEAL(peer->link));
    if (peer->established) {
        const struct core_event event = {
            .kind = CORE_LINK_LOST, .out = peer->out, .link = peer->index};
        peer->established = false;
        peer->peers->events->event(peer->peers->owner, &event, &err);
    }
}

static void dial(struct peer *peer);

static void retry_due(uv_timer_t *timer)
{
    dial(timer->data);
}

static void retry_later(struct peer *peer)
{
    uv_timer_start(&peer->retry, retry_due, peer->wait_ms, 0);
    peer->wait_ms = 2 * peer->wait_ms < RETRY_MOST_MS ? 2 * peer->wait_ms : RETRY_MOST_MS;
}

void peer_lost(struct peer *peer, const char *why)
{
    bool established = peer->established;
    char quoted[200];

    if (established) {
        log_event(LOG_INFO, "stage.link-lost", "stage=%s peer=%s why=%s",
                  peer->peers->config->stage->name, peer->name,
                  log_quote(why, quoted, sizeof(quoted)));
    }
    peer_forget_link(peer);
    if (established) {
        peer->peers->events->lost(peer->peers->owner, peer->name, why);
    }
    if (peer->out) {
        retry_later(peer);
    }
}

static void peer_closed(void *owner, struct link *link, const char *why)
{
    (void)link;
    peer_lost(owner, why);
}

static void receiver_opened(void *owner, struct link *link)
{
    struct peer *peer = owner;
    const struct peers *peers = peer->peers;
    char *text = hello_to_text(&(struct hello){.to = (char *)(uintptr_t)peer->name,
                                               .life = peers->life,
                                               .from = peers->config->stage->name,
                                               .token = peers->token});
    const struct message message = {.kind = MESSAGE_HELLO,
                                    .done = peers->events->done(peers->owner),
                                    .size = (uint32_t)strlen(text)};

    link_send(link, &message, text);
    free(text);
}

const struct link_events peer_events = {receiver_opened, peer_came, peer_closed};

static void dial(struct peer *peer)
{
    struct error err;

    if (peer->address == NULL || peer->link != NULL || peer->peers->destroyed) {
        return;
    }
    const struct link_place place = {
        .address = peer->address, .tls = peer->peers->tls, .name = peer->name};
    if (link_dial(peer->peers->loop, &place, &peer_events, peer, &peer->link, &err) < 0) {
        log_event(LOG_WARN, "stage.dial-failed", "stage=%s peer=%s why=\"%s\"",
                  peer->peers->config->stage->name, peer->name, err.text);
        retry_later(peer);
    }
}

static void init_peer(struct peers *peers, struct peer *peer, bool out, unsigned index)
{
    peer->peers = peers;
    peer->out = out;
    peer->index = index;
    peer->name = out ? peers->config->out_links[index] : peers->config->in_links[index];
    peer->wait_ms = RETRY_FIRST_MS;
    uv_timer_init(peers->loop, &peer->retry);
    peer->retry.data = peer;
    peers->n_timers++;
}

int peers_create(uv_loop_t *loop, const struct peers_setup *setup, struct peers **ret_peers,
                 struct error *err)
{
    const struct stage_config *config = setup->config;
    struct peers *peers = memory_new(1, sizeof(*peers));
    char address[128];

    snprintf(address, sizeof(address), "%s:0", setup->host);
    *peers = (struct peers){.loop = loop,
                            .config = config,
                            .events = setup->events,
                            .owner = setup->owner,
                            .token = memory_text(setup->token),
                            .life = setup->life,
                            .tls = tls_context_ref(setup->tls)};
    const struct door_setup door = {
        .address = address, .tls = setup->tls, .hello = peer_hello_came, .owner = peers};
    int r = door_open(loop, &door, &peers->door, err);
    if (r < 0) {
        tls_context_unref(peers->tls);
        memory_wipe(&peers->token);
        free(peers);
        return r;
    }
    peers->in = memory_new(config->core.n_in_links, sizeof(*peers->in));
    peers->out = memory_new(config->core.n_out_links, sizeof(*peers->out));
    for (unsigned i = 0; i < config->core.n_in_links; i++) {
        init_peer(peers, &peers->in[i], false, i);
    }
    for (unsigned i = 0; i < config->core.n_out_links; i++) {
        init_peer(peers, &peers->out[i], true, i);
    }
    *ret_peers = peers;
    return 0;
}

static void free_when_closed(struct peers *peers)
{
    if (peers->destroyed && peers->n_timers == 0) {
        free(peers->in);
        free(peers->out);
        tls_context_unref(peers->tls);
        memory_wipe(&peers->token);
        free(peers);
    }
}

static void timer_closed(uv_handle_t *handle)
{
    struct peers *peers = ((struct peer *)handle->data)->peers;

    peers->n_timers--;
    free_when_closed(peers);
}

static void finish_peer(struct peer *peer)
{
    link_close(STEAL(peer->link));
    free(STEAL(peer->address));
    uv_close((uv_handle_t *)&peer->retry, timer_closed);
}

void peers_destroy(struct peers *peers)
{
    if (peers == NULL) {
        return;
    }
    door_close(STEAL(peers->door));
    for (unsigned i = 0; i < peers->config->core.n_in_links; i++) {
        finish_peer(&peers->in[i]);
    }
    for (unsigned i = 0; i < peers->config->core.n_out_links; i++) {
        finish_peer(&peers->out[i]);
    }
    peers->destroyed = true;
    free_when_closed(peers);
}

unsigned peers_port(const struct peers *peers)
{
    return door_port(peers->door);
}

void peers_set_address(struct peers *peers, const char *stage, const char *address)
{
    int index = stage_config_out_link(peers->config, stage);

    if (index < 0) {
        return;
    }
    struct peer *peer = &peers->out[index];
    if (peer->address != NULL && strcmp(peer->address, address) == 0) {
        return;
    }
    free(peer->address);
    peer->address = memory_text(address);
    if (peer->link != NULL) {
        peer_forget_link(peer);
    }
    uv_timer_stop(&peer->retry);
    dial(peer);
}

void peers_set_life(struct peers *peers, const char *stage, unsigned life)
{
    int index = stage_config_in_link(peers->config, stage);
    struct peer *peer = index < 0 ? NULL : &peers->in[index];

    if (peer == NULL || life <= peer->life) {
        return;
    }
    peer->life = life;
    if (peer->link != NULL) {
        log_event(LOG_INFO, "stage.peer-fenced", "stage=%s peer=%s", peers->config->stage->name,
                  peer->name);
        peer_forget_link(peer);
    }
}
