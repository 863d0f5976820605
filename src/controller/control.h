/* The control links: stages dial the controller, prove themselves with the token that the
 * fabric handed them, and then the two exchange JSON (docs/protocol.md). */
#ifndef CONTROLLER_CONTROL_H
#define CONTROLLER_CONTROL_H

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

/* Listens on `host` (numeric), on any free port. */
int control_create(uv_loop_t *loop, const char *host, const struct control_events *events,
                   void *owner, struct control **ret_control, struct error *err);
void control_destroy(struct control *control); /* accepts NULL */

const char *control_address(const struct control *control);
/* Makes a new token for a stage that is about to be started; the old one is worth nothing. */
const char *control_expect(struct control *control, const char *stage);
/* Takes `message`; dropped when the stage has no link. */
void control_send(struct control *control, const char *stage, json_t *message);
/* Drops the link and the token. */
void control_forget(struct control *control, const char *stage);

/* A fresh secret. */
void control_token(char ret_token[CONTROL_TOKEN_SIZE]);

#endif
