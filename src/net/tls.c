/* OpenSSL reads from the bytes that were fed, where they lie, and writes into a buffer that the
 * socket is given: a BIO of our own, since the library's memory BIO would copy both once more.
 *
 * The library goes on with a record when it is whole, and keeps at most one that is not: what
 * it holds of a connection is bounded.
 */
#include "net/tls.h"

#include <assert.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "net/tls_state.h"

enum {
    RECORD_HANDSHAKE = 22, /* RFC 8446, 5.1: the first byte of a record */
    RECORD_ALERT = 21,
    RECORD_SIZE = 16 << 10,
    RECORD_MORE = 5 + 1 + 16, /* header, type and tag */
};

struct tls {
    struct tls_context *context;
    SSL *ssl;
    char *wanted;            /* NULL: the other end dials */
    char name[TLS_NAME_MAX]; /* "": not known yet */
    bool begun;              /* something came */
    const uint8_t *fed;
    size_t n_fed;
    uint8_t *out;
    size_t n_out, out_size;
    unsigned n_records; /* with one key */
};

static int bio_read(BIO *bio, char *buffer, size_t size, size_t *ret_n)
{
    struct tls *tls = BIO_get_data(bio);
    size_t n = tls->n_fed < size ? tls->n_fed : size;

    BIO_clear_retry_flags(bio);
    if (n == 0) {
        BIO_set_retry_read(bio);
        return 0;
    }
    memcpy(buffer, tls->fed, n);
    tls->fed += n;
    tls->n_fed -= n;
    *ret_n = n;
    return 1;
}

static void make_room(struct tls *tls, size_t n)
{
    if (tls->out_size - tls->n_out < n) {
        tls->out_size = 2 * tls->out_size > tls->n_out + n ? 2 * tls->out_size : tls->n_out + n;
        tls->out = realloc(tls->out, tls->out_size);
        if (tls->out == NULL) {
            abort();
        }
    }
}

static int bio_write(BIO *bio, const char *bytes, size_t n, size_t *ret_n)
{
    struct tls *tls = BIO_get_data(bio);

    BIO_clear_retry_flags(bio);
    make_room(tls, n);
    memcpy(tls->out + tls->n_out, bytes, n);
    tls->n_out += n;
    *ret_n = n;
    return 1;
}

static long bio_control(BIO *bio, int command, long number, void *pointer)
{
    (void)bio;
    (void)number;
    (void)pointer;
    return command == BIO_CTRL_FLUSH ? 1 : 0;
}

BIO_METHOD *tls_bio_make(void)
{
    BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "fed");

    if (method != NULL && (BIO_meth_set_read_ex(method, bio_read) != 1 ||
                           BIO_meth_set_write_ex(method, bio_write) != 1 ||
                           BIO_meth_set_ctrl(method, bio_control) != 1)) {
        BIO_meth_free(method);
        return NULL;
    }
    return method;
}

struct tls *tls_create(struct tls_context *context, const char *wanted)
{
    struct tls *tls = memory_new(1, sizeof(*tls));
    BIO *bio = BIO_new(context->bio);

    tls->context = tls_context_ref(context);
    tls->wanted = memory_text(wanted);
    tls->ssl = SSL_new(context->ssl);
    if (tls->ssl == NULL || bio == NULL) {
        abort();
    }
    BIO_set_data(bio, tls);
    BIO_set_init(bio, 1);
    SSL_set_bio(tls->ssl, bio, bio);
    if (wanted != NULL) {
        SSL_set_connect_state(tls->ssl);
    } else {
        SSL_set_accept_state(tls->ssl);
    }
    return tls;
}

void tls_destroy(struct tls *tls)
{
    if (tls != NULL) {
        SSL_free(tls->ssl);
        tls_context_unref(tls->context);
        free(tls->wanted);
        free(tls->out);
        free(tls);
    }
}

uint8_t *tls_buffer(const struct tls *tls)
{
    return tls->context->buffer;
}

void tls_feed(struct tls *tls, const void *bytes, size_t n)
{
    assert(tls->n_fed == 0);
    tls->fed = bytes;
    tls->n_fed = n;
}

/* What the library says of the operation that failed, the first cause first. */
static int tell(const struct tls *tls, struct error *err)
{
    const char *reason = ERR_reason_error_string(ERR_peek_error());
    long verdict = SSL_get_verify_result(tls->ssl);

    ERR_clear_error();
    if (verdict != X509_V_OK) {
        return error_set(err, -EPROTO, "has a certificate that is not believed: %s",
                         X509_verify_cert_error_string(verdict));
    }
    return error_set(err, -EPROTO, "fails at TLS: %s",
                     reason != NULL ? reason : "nothing is known");
}

/* Returns the outcome of an operation of the library that did not succeed. */
static int outcome(const struct tls *tls, int returned, struct error *err)
{
    int what = SSL_get_error(tls->ssl, returned);

    if (what == SSL_ERROR_WANT_READ) {
        assert(tls->n_fed == 0);
        return TLS_MORE;
    }
    return what == SSL_ERROR_ZERO_RETURN ? TLS_END : tell(tls, err);
}

/* The one name that a certificate of an authority of ours has; "": there is none. */
static void read_name(const SSL *ssl, char ret_name[TLS_NAME_MAX])
{
    X509 *certificate = SSL_get0_peer_certificate(ssl);
    GENERAL_NAMES *names =
        certificate == NULL ? NULL
                            : X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);

    if (names != NULL && sk_GENERAL_NAME_num(names) == 1) {
        int type;
        const ASN1_STRING *text =
            GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, 0), &type);
        size_t n = type == GEN_DNS ? (size_t)ASN1_STRING_length(text) : TLS_NAME_MAX;
        if (n < TLS_NAME_MAX && memchr(ASN1_STRING_get0_data(text), '\0', n) == NULL) {
            memcpy(ret_name, ASN1_STRING_get0_data(text), n);
            ret_name[n] = '\0';
        }
    }
    GENERAL_NAMES_free(names);
}

/* Whoever is reached by mistake hears no more of this end. */
static int check_name(struct tls *tls, struct error *err)
{
    char name[TLS_NAME_MAX] = "";

    read_name(tls->ssl, name);
    if (name[0] == '\0' || (tls->wanted != NULL && strcmp(name, tls->wanted) != 0)) {
        tls->n_out = 0;
        return name[0] == '\0'
                   ? error_set(err, -EPROTO, "has a certificate without a name")
                   : error_set(err, -EPROTO, "is '%s', not '%s'", name, tls->wanted);
    }
    memcpy(tls->name, name, sizeof(tls->name));
    return 0;
}

/* For who dials without TLS the library has no good words. */
static bool is_tls(const struct tls *tls)
{
    return tls->n_fed == 0 || tls->begun || tls->fed[0] == RECORD_HANDSHAKE ||
           (tls->wanted != NULL && tls->fed[0] == RECORD_ALERT);
}

int tls_shake_hands(struct tls *tls, struct error *err)
{
    if (tls->name[0] != '\0') {
        return 0;
    }
    if (!is_tls(tls)) {
        return error_set(err, -EPROTO, "does not speak TLS");
    }
    tls->begun = tls->begun || tls->n_fed > 0;
    ERR_clear_error();
    int r = SSL_do_handshake(tls->ssl);
    if (r == 1) {
        return check_name(tls, err);
    }
    r = outcome(tls, r, err);
    return r == TLS_END ? error_set(err, -EPROTO, "said goodbye in the handshake") : r;
}

int tls_receive(struct tls *tls, void *buffer, size_t size, size_t *ret_n, struct error *err)
{
    ERR_clear_error();
    assert(tls->name[0] != '\0');
    int r = SSL_read_ex(tls->ssl, buffer, size, ret_n);
    return r == 1 ? 0 : outcome(tls, r, err);
}

/* A key is good for 2^24 records (RFC 8446, 5.5); the library leaves it to us to make another.
 * One that cannot be made is asked for again with the next record. */
static void change_key(struct tls *tls, unsigned n_records)
{
    tls->n_records += n_records;
    if (tls->n_records > TLS_RECORDS_OF_A_KEY &&
        SSL_key_update(tls->ssl, SSL_KEY_UPDATE_NOT_REQUESTED) == 1) {
        tls->n_records = 0;
    }
}

int tls_send(struct tls *tls, const void *bytes, size_t n, struct error *err)
{
    size_t written = 0;

    ERR_clear_error();
    assert(tls->name[0] != '\0');
    make_room(tls, n + (n / RECORD_SIZE + 1) * RECORD_MORE);
    change_key(tls, (unsigned)(n / RECORD_SIZE) + 1);
    if (SSL_write_ex(tls->ssl, bytes, n, &written) != 1) {
        return tell(tls, err);
    }
    assert(written == n);
    return 0;
}

uint8_t *tls_take(struct tls *tls, size_t *ret_n)
{
    *ret_n = tls->n_out;
    tls->n_out = tls->out_size = 0;
    return *ret_n > 0 ? STEAL(tls->out) : NULL;
}

const char *tls_name(const struct tls *tls)
{
    return tls->name[0] != '\0' ? tls->name : NULL;
}
