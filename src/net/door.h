/* A door listens, and keeps those who come until they have said who they are.
 *
 *   happy path     a stranger dials, and shows its certificate where links are encrypted; its
 *                  first message is a hello; the owner knows it and takes the link
 *   failure modes  one who speaks no TLS, or has no certificate of the authority, or another
 *                  name in it than in its hello, whose first message is anything else, or whom
 *                  the owner does not know, is shown out; so is one who says nothing for
 * DOOR_PATIENCE_MS, and the one who has said nothing for longest when DOOR_STRANGERS_MAX are
 * there already; closing the door shows everybody out
 */
#ifndef NET_DOOR_H
#define NET_DOOR_H

#include "net/link.h"

struct door;
struct hello;

enum {
    DOOR_STRANGERS_MAX = 64,
    DOOR_PATIENCE_MS = 5000,
};

/* Somebody says who it is; `message` is the hello's. Who is known is taken: the link is adopted
 * and trusted, and true returned; then the door may be closed in the call. false: the door
 * closes the link. */
typedef bool (*door_hello_fn)(void *owner, struct link *link, const struct message *message,
                              const struct hello *hello);

struct door_setup {
    const char *address;     /* numeric; port 0: any free one */
    struct tls_context *tls; /* NULL: links are not encrypted */
    door_hello_fn hello;
    void *owner;
    unsigned patience_ms; /* 0: DOOR_PATIENCE_MS */
};

/* Copies `setup`; the address is only read during the call, the context referred to. */
int door_open(uv_loop_t *loop, const struct door_setup *setup, struct door **ret_door,
              struct error *err);
unsigned door_port(const struct door *door);
void door_close(struct door *door); /* accepts NULL */

#endif
