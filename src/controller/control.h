/* The control links: stages dial the controller, prove themselves with what the fabric handed
 * them, and then the two exchange JSON (docs/protocol.md). Where links are to be encrypted, the
 * authority that the stages of a run believe in is here, and ends with it. */
#ifndef CONTROLLER_CONTROL_H
#define CONTROLLER_CONTROL_H

#include <stdbool.h>
#include <uv.h>

#include "base/json.h"

struct control;
struct error;

enum { CONTROL_TOKEN_SIZE = 33 }; /* 128 bits in hexadecimal, and a zero byte */

struct control_events {
    void (*hello)(void *owner, const char *stage);
    void (*said)(void *owner, const char *stage, const json_t *message);
    void (*lost)(void *owner, const char *stage);
};

struct control_setup {
    const char *host;      /* numeric: where to listen, on any free port */
    bool encrypted;        /* all links of the run, those between stages too */
    const char *authority; /* of an earlier controller, as a text; NULL: a new one is made */
    const struct control_events *events;
    void *owner;
};

int control_create(uv_loop_t *loop, const struct control_setup *setup,
                   struct control **ret_control, struct error *err);
void control_destroy(struct control *control); /* accepts NULL */

const char *control_address(const struct control *control);
/* Makes new credentials for a stage that is about to be started, as a line
 * (net/credentials.h), to be freed by memory_wipe(); the old token is worth nothing. */
int control_expect(struct control *control, const char *stage, char **ret_line,
                   struct error *err);
/* For who may have to come back: the authority (NULL: links are not encrypted) and a stage's
 * token, to be freed by memory_wipe(). */
char *control_authority(const struct control *control);
char *control_stage_token(const struct control *control, const char *stage);
/* Expects a stage that an earlier controller started, and tells it where to dial now: `address`
 * is that of its data links, and `data_token` opens them. One that does not dial is silent. */
int control_call(struct control *control, const char *stage, const char *token,
                 const char *address, const char *data_token, struct error *err);

/* Milliseconds since the stage was heard; 0 for one that has not said hello yet. */
uint64_t control_silence(const struct control *control, const char *stage);
bool control_hears(const struct control *control); /* any stage has said hello */
/* As if all of them had been heard now: who listens was away. */
void control_forgive(struct control *control);
/* A piece of a file, from `offset` on; dropped like a message. */
void control_send_piece(struct control *control, const char *stage, uint64_t offset,
                        const void *bytes, size_t size);
/* Takes `message`; dropped when the stage has no link. */
void control_send(struct control *control, const char *stage, json_t *message);
/* Drops the link and the token. */
void control_forget(struct control *control, const char *stage);

/* A fresh secret. */
void control_token(char ret_token[CONTROL_TOKEN_SIZE]);

#endif
