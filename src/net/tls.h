/* TLS 1.3 between two that know each other by certificates of one authority: a filter between
 * the bytes on a socket and the bytes of messages, without a socket.
 *
 *   happy path     tls_feed() what came, tls_shake_hands() until it returns 0; from then on
 *                  tls_receive() after each tls_feed() until it asks for more, tls_send() at
 *                  will; after each of them tls_take() what is for the socket
 *   failure modes  who has no certificate of the authority, or another name than is wanted, or
 *                  speaks anything else, is refused with a sentence without a subject; nothing
 *                  that it sent was received, and nothing can be sent to it. What tls_take()
 *                  has then tells the other end why
 *
 * Nothing is resumed, nothing is negotiated again, and there is nothing before the handshake.
 */
#ifndef NET_TLS_H
#define NET_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct credentials;
struct error;
struct tls;
struct tls_context;

enum {
    TLS_MORE = 1, /* outcome: what was fed is used up */
    TLS_END = 2,  /* outcome: the other end has said goodbye */
    TLS_NAME_MAX = 64,
    TLS_BUFFER_SIZE = 64 << 10,
    TLS_RECORDS_OF_A_KEY = 1 << 16, /* then it is changed */
};

/* Who this end is and whom it believes; of a loop. -EINVAL: the credentials are none. */
int tls_context_create(const struct credentials *credentials, struct tls_context **ret_context,
                       struct error *err);
struct tls_context *tls_context_ref(struct tls_context *context); /* accepts NULL */
void tls_context_unref(struct tls_context *context);              /* accepts NULL */

/* One connection; refers to the context. `wanted` is the name of whom this end dials; NULL: the
 * other end dials, and may have any name. */
struct tls *tls_create(struct tls_context *context, const char *wanted);
void tls_destroy(struct tls *tls); /* accepts NULL */

/* TLS_BUFFER_SIZE bytes to receive into on the way to tls_feed(): the context's one, for what
 * is fed is used up before more comes on any connection. */
uint8_t *tls_buffer(const struct tls *tls);

/* What came on the socket; borrowed until TLS_MORE. */
void tls_feed(struct tls *tls, const void *bytes, size_t n);

/* Returns 0 when both know each other, TLS_MORE, or -EPROTO. */
int tls_shake_hands(struct tls *tls, struct error *err);

/* Decrypts up to `size` bytes, at least one, into `buffer`. 0, TLS_MORE, TLS_END, -EPROTO. */
int tls_receive(struct tls *tls, void *buffer, size_t size, size_t *ret_n, struct error *err);

/* Encrypts `n` bytes, at least one. */
int tls_send(struct tls *tls, const void *bytes, size_t n, struct error *err);

/* Takes what is for the socket, malloc'ed; NULL: nothing. */
uint8_t *tls_take(struct tls *tls, size_t *ret_n);

/* The name of the other end; NULL before hands were shaken. */
const char *tls_name(const struct tls *tls);

#endif
