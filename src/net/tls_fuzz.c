/* Arbitrary bytes from somebody who dials, or is dialled, before anybody knows who he is: the
 * first byte says which, and into how many pieces the rest is torn. */
#include <stdlib.h>

#include "base/error.h"
#include "net/authority.h"
#include "net/credentials.h"
#include "net/tls.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct tls_context *make_context(void)
{
    struct authority *authority = NULL;
    struct credentials credentials = {0};
    struct tls_context *context = NULL;
    struct error err;

    if (authority_create(&authority, &err) < 0 ||
        authority_issue(authority, "fit-1", &credentials, &err) < 0 ||
        tls_context_create(&credentials, &context, &err) < 0) {
        abort();
    }
    credentials_finish(&credentials);
    authority_destroy(authority);
    return context;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct tls_context *context;
    struct error err;
    int r = TLS_MORE;

    if (context == NULL) {
        context = make_context();
    }
    if (size == 0) {
        return 0;
    }
    struct tls *tls = tls_create(context, (data[0] & 0x80) != 0 ? "fit-1" : NULL);
    size_t piece = 1 + (data[0] & 0x7fu) * (data[0] & 0x7fu);
    if ((data[0] & 0x80) != 0) {
        r = tls_shake_hands(tls, &err);
    }
    for (size_t at = 1; at < size && r == TLS_MORE; at += piece) {
        tls_feed(tls, data + at, size - at < piece ? size - at : piece);
        r = tls_shake_hands(tls, &err);
    }
    if (r == 0 || tls_name(tls) != NULL) {
        abort();
    }
    tls_destroy(tls);
    return 0;
}
