/* What tls.c, a connection, and tls_context.c share. */
#ifndef NET_TLS_STATE_H
#define NET_TLS_STATE_H

#include <openssl/ssl.h>

#include "net/tls.h"

struct tls_context {
    unsigned refs;
    SSL_CTX *ssl;
    BIO_METHOD *bio;
    uint8_t buffer[TLS_BUFFER_SIZE];
};

/* Between the library and what is fed and taken; NULL: it cannot be made. */
BIO_METHOD *tls_bio_make(void);

#endif
