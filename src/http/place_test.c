/* Who the server must be, and who we are to it, against a server on loopback that speaks TLS
 * and answers with what it has seen: the name it was asked for, and the name in our
 * certificate. */
#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/test.h"
#include "base/test_folder.h"
#include "http/http.h"

/* As PEM. */
struct proof {
    EVP_PKEY *key;
    X509 *certificate;
    char *key_pem, *certificate_pem;
};

static struct proof authority, server, client, stranger;
static int door = -1;
static pthread_t thread;
static char url[64];

static char *text_of(BIO *bio)
{
    char *bytes = NULL;
    long n = BIO_get_mem_data(bio, &bytes);
    char *text = memory_format("%.*s", (int)n, bytes);

    BIO_free(bio);
    return text;
}

static void extend(X509 *certificate, int kind, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, kind, value);

    assert_non_null(extension);
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
}

/* `signer` NULL: itself, as an authority. */
static void make_proof(const char *name, const struct proof *signer, struct proof *ret_proof)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    BIO *key_text = BIO_new(BIO_s_mem()), *certificate_text = BIO_new(BIO_s_mem());
    X509_NAME *subject = X509_get_subject_name(certificate);

    X509_set_version(certificate, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), signer != NULL ? 2 : 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, key);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)name, -1,
                               -1, 0);
    X509_set_issuer_name(certificate,
                         signer != NULL ? X509_get_subject_name(signer->certificate) : subject);
    extend(certificate, NID_basic_constraints, signer != NULL ? "CA:FALSE" : "CA:TRUE");
    if (signer != NULL) {
        extend(certificate, NID_subject_alt_name, "DNS:kubernetes,IP:127.0.0.1");
    }
    assert_true(X509_sign(certificate, signer != NULL ? signer->key : key, EVP_sha256()) > 0);
    PEM_write_bio_PrivateKey(key_text, key, NULL, NULL, 0, NULL, NULL);
    PEM_write_bio_X509(certificate_text, certificate);
    *ret_proof = (struct proof){key, certificate, text_of(key_text), text_of(certificate_text)};
}

static void finish_proof(struct proof *proof)
{
    EVP_PKEY_free(proof->key);
    X509_free(proof->certificate);
    memory_wipe(&proof->key_pem);
    memory_free(&proof->certificate_pem);
}

/* One caller: false when it has said "/stop". */
static bool serve_one(SSL *tls)
{
    char heard[2048] = "", who[64] = "-", body[160], answer[512];

    if (SSL_accept(tls) != 1) {
        ERR_clear_error();
        return true;
    }
    int n = SSL_read(tls, heard, sizeof(heard) - 1);
    heard[n > 0 ? n : 0] = '\0';
    X509 *its = SSL_get1_peer_certificate(tls);
    if (its != NULL) {
        X509_NAME_get_text_by_NID(X509_get_subject_name(its), NID_commonName, who, sizeof(who));
        X509_free(its);
    }
    const char *name = SSL_get_servername(tls, TLSEXT_NAMETYPE_host_name);
    snprintf(body, sizeof(body), "%s %s", name != NULL ? name : "-", who);
    snprintf(answer, sizeof(answer),
             "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n%s",
             strlen(body), body);
    SSL_write(tls, answer, (int)strlen(answer));
    SSL_shutdown(tls);
    return strncmp(heard, "GET /stop ", 10) != 0;
}

static void *serve(void *context)
{
    bool goes_on = true;

    while (goes_on) {
        int caller = accept(door, NULL, NULL);
        SSL *tls = SSL_new(context);
        SSL_set_fd(tls, caller);
        goes_on = serve_one(tls);
        SSL_free(tls);
        close(caller);
    }
    return NULL;
}

static SSL_CTX *context;

static int open_server(void **state)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);

    signal(SIGPIPE, SIG_IGN); /* callers hang up on a server that they do not believe */
    if (test_folder_make(state) < 0) {
        return -1;
    }
    make_proof("authority", NULL, &authority);
    make_proof("server", &authority, &server);
    make_proof("client", &authority, &client);
    make_proof("stranger", NULL, &stranger);
    context = SSL_CTX_new(TLS_server_method());
    SSL_CTX_use_certificate(context, server.certificate);
    SSL_CTX_use_PrivateKey(context, server.key);
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context), authority.certificate);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_session_id_context(context, (const unsigned char *)"t", 1);
    door = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(door, (const struct sockaddr *)&address, size) < 0 || listen(door, 8) < 0 ||
        getsockname(door, (struct sockaddr *)&address, &size) < 0) {
        return -1;
    }
    snprintf(url, sizeof(url), "https://127.0.0.1:%u", ntohs(address.sin_port));
    return -pthread_create(&thread, NULL, serve, context);
}

/* What the server has seen, or why it was not asked. */
static void asks(struct http_place place, const char *path, int code, const char *expected)
{
    const struct http_request request = {.path = path};
    cleanup(memory_free) char *body = NULL;
    struct error err = {0};

    place.name = "the test's server";
    place.url = url;
    assert_int_equal(http_ask_now(&place, &request, &body, &err), code);
    if (code == 0) {
        assert_string_equal(body, expected);
    } else { /* the rest are the libraries' words */
        assert_int_equal(strncmp(err.text, expected, strlen(expected)), 0);
    }
}

static int close_server(void **state)
{
    asks((struct http_place){.insecure = true}, "/stop", 0, "- -");
    pthread_join(thread, NULL);
    close(door);
    SSL_CTX_free(context);
    finish_proof(&authority);
    finish_proof(&server);
    finish_proof(&client);
    finish_proof(&stranger);
    return test_folder_remove(state);
}

static void write_file(const char *path, const char *text)
{
    struct error err;

    assert_int_equal(file_write(path, text, strlen(text), &err), 0);
}

static void an_authority_vouches_for_the_server(void **state)
{
    (void)state;
    write_file("ca", authority.certificate_pem);
    asks((struct http_place){.authority = "ca"}, "/", 0, "- -");
    asks((struct http_place){.authority_pem = authority.certificate_pem}, "/", 0, "- -");
}

static void a_server_that_nobody_vouches_for_is_not_asked(void **state)
{
    static const char why[] = "the test's server: SSL certificate problem";

    (void)state;
    asks((struct http_place){0}, "/", -EPROTO, why);
    asks((struct http_place){.authority_pem = stranger.certificate_pem}, "/", -EPROTO, why);
    asks((struct http_place){.insecure = true}, "/", 0, "- -");
}

static void the_server_may_have_another_name_than_its_address(void **state)
{
    (void)state;
    asks((struct http_place){.authority_pem = authority.certificate_pem,
                             .server_name = "kubernetes"},
         "/", 0, "kubernetes -");
    asks((struct http_place){.authority_pem = authority.certificate_pem,
                             .server_name = "elsewhere"},
         "/", -EPROTO, "the test's server: SSL");
}

static void a_certificate_says_who_we_are(void **state)
{
    (void)state;
    write_file("cert", client.certificate_pem);
    write_file("key", client.key_pem);
    asks((struct http_place){.authority_pem = authority.certificate_pem,
                             .certificate = "cert",
                             .key = "key"},
         "/", 0, "- client");
    asks((struct http_place){.authority_pem = authority.certificate_pem,
                             .certificate_pem = client.certificate_pem,
                             .key_pem = client.key_pem},
         "/", 0, "- client");
}

static void a_certificate_that_is_none_is_not_sent(void **state)
{
    const struct http_place place = {.name = "the test's server",
                                     .url = url,
                                     .authority_pem = authority.certificate_pem,
                                     .certificate_pem = "nonsense",
                                     .key_pem = client.key_pem};
    const struct http_request request = {.path = "/"};
    struct error err;

    (void)state;
    assert_int_equal(http_ask_now(&place, &request, NULL, &err), -EPROTO);
    assert_null(strstr(err.text, client.key_pem));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_authority_vouches_for_the_server),
        cmocka_unit_test(a_server_that_nobody_vouches_for_is_not_asked),
        cmocka_unit_test(the_server_may_have_another_name_than_its_address),
        cmocka_unit_test(a_certificate_says_who_we_are),
        cmocka_unit_test(a_certificate_that_is_none_is_not_sent),
    };

    return cmocka_run_group_tests_name("http place", tests, open_server, close_server);
}
