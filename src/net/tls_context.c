/* What all connections of a process have in common: who it is, whom it believes, and the rules.
 */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdlib.h>
#if defined(__aarch64__) || defined(__arm__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

#include "base/error.h"
#include "base/memory.h"
#include "net/credentials.h"
#include "net/tls_state.h"

enum { CHAIN_MAX = 8 << 10 }; /* bytes of another's certificates; one has 0.5 KB */

/* Raspberry Pis up to the fourth have no instructions for AES, and ChaCha20 costs them a
 * fraction of it. */
static bool has_aes(void)
{
#if defined(__aarch64__)
    return (getauxval(AT_HWCAP) & HWCAP_AES) != 0;
#elif defined(__arm__)
    return (getauxval(AT_HWCAP2) & HWCAP2_AES) != 0;
#elif defined(__x86_64__)
    return __builtin_cpu_supports("aes") != 0;
#else
    return false;
#endif
}

/* The one that is dialled chooses; what the dialler likes best wins where that is ChaCha20. */
static bool set_ciphers(SSL_CTX *ssl)
{
    SSL_CTX_set_options(ssl, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    return SSL_CTX_set_ciphersuites(
               ssl, has_aes() ? "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256"
                              : "TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256") == 1;
}

static bool set_rules(SSL_CTX *ssl)
{
    SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_verify_depth(ssl, 0);
    SSL_CTX_set_max_cert_list(ssl, CHAIN_MAX);
    SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET);
    SSL_CTX_set_quiet_shutdown(ssl, 1);
    return SSL_CTX_set_min_proto_version(ssl, TLS1_3_VERSION) == 1 &&
           SSL_CTX_set_max_proto_version(ssl, TLS1_3_VERSION) == 1 &&
           SSL_CTX_set_num_tickets(ssl, 0) == 1 &&
           SSL_CTX_set1_groups_list(ssl, "X25519") == 1 && set_ciphers(ssl);
}

/* Without a pass phrase: the library would ask a terminal for one. */
static char no_phrase[] = "";

static X509 *read_certificate(const char *text)
{
    BIO *memory = BIO_new_mem_buf(text, -1);
    X509 *certificate = PEM_read_bio_X509(memory, NULL, NULL, no_phrase);

    BIO_free(memory);
    return certificate;
}

static bool set_authority(SSL_CTX *ssl, const char *text)
{
    X509 *certificate = read_certificate(text);
    bool done = certificate != NULL &&
                X509_STORE_add_cert(SSL_CTX_get_cert_store(ssl), certificate) == 1;

    X509_free(certificate);
    return done;
}

static bool set_identity(SSL_CTX *ssl, const struct credentials *credentials)
{
    X509 *certificate = read_certificate(credentials->certificate);
    BIO *memory = BIO_new_mem_buf(credentials->key, -1);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(memory, NULL, NULL, no_phrase);
    bool done = certificate != NULL && key != NULL &&
                SSL_CTX_use_certificate(ssl, certificate) == 1 &&
                SSL_CTX_use_PrivateKey(ssl, key) == 1 && SSL_CTX_check_private_key(ssl) == 1;

    BIO_free(memory);
    X509_free(certificate);
    EVP_PKEY_free(key);
    return done;
}

int tls_context_create(const struct credentials *credentials, struct tls_context **ret_context,
                       struct error *err)
{
    struct tls_context *context = memory_new(1, sizeof(*context));

    context->refs = 1;
    context->ssl = SSL_CTX_new(TLS_method());
    context->bio = tls_bio_make();
    bool done = context->ssl != NULL && context->bio != NULL && set_rules(context->ssl) &&
                set_authority(context->ssl, credentials->authority) &&
                set_identity(context->ssl, credentials);
    ERR_clear_error();
    if (!done) {
        tls_context_unref(context);
        return error_set(err, -EINVAL, "the credentials hold no certificates that can be used");
    }
    *ret_context = context;
    return 0;
}

struct tls_context *tls_context_ref(struct tls_context *context)
{
    if (context != NULL) {
        context->refs++;
    }
    return context;
}

void tls_context_unref(struct tls_context *context)
{
    if (context != NULL && --context->refs == 0) {
        SSL_CTX_free(context->ssl);
        BIO_meth_free(context->bio);
        free(context);
    }
}
