/* Two filters with nothing between them but the test, which may tear, change and forge. */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "base/error.h"
#include "base/test.h"
#include "net/credentials.h"
#include "net/secure_rig.h"
#include "net/tls.h"

/* The one that dials is cam-1, and wants fit-1. */
struct talk {
    struct authority *authority, *foreign;
    struct tls_context *cam, *fit;
    struct tls *dialler, *dialled;
    struct error err;
};

static int start(void **state)
{
    struct talk *talk = calloc(1, sizeof(*talk));

    assert_non_null(talk);
    talk->authority = secure_rig_authority();
    talk->foreign = secure_rig_authority();
    talk->cam = secure_rig_context(talk->authority, "cam-1");
    talk->fit = secure_rig_context(talk->authority, "fit-1");
    talk->dialler = tls_create(talk->cam, "fit-1");
    talk->dialled = tls_create(talk->fit, NULL);
    *state = talk;
    return 0;
}

static int stop(void **state)
{
    struct talk *talk = *state;

    /* Connections outlive their context. */
    tls_context_unref(talk->cam);
    tls_context_unref(talk->fit);
    tls_destroy(talk->dialler);
    tls_destroy(talk->dialled);
    authority_destroy(talk->authority);
    authority_destroy(talk->foreign);
    free(talk);
    return 0;
}

/* Feeds what one end has for the other, `most` bytes at a time. The outcome of the last piece.
 */
static int pass(struct talk *talk, struct tls *from, struct tls *to, size_t most)
{
    size_t n;
    uint8_t *bytes = tls_take(from, &n);
    int r = TLS_MORE;

    for (size_t at = 0; at < n && r == TLS_MORE; at += most) {
        tls_feed(to, bytes + at, n - at < most ? n - at : most);
        r = tls_shake_hands(to, &talk->err);
    }
    free(bytes);
    return r;
}

static void shake_hands(struct talk *talk, size_t most)
{
    assert_int_equal(tls_shake_hands(talk->dialler, &talk->err), TLS_MORE);
    assert_int_equal(pass(talk, talk->dialler, talk->dialled, most), TLS_MORE);
    assert_int_equal(pass(talk, talk->dialled, talk->dialler, most), 0);
    assert_int_equal(pass(talk, talk->dialler, talk->dialled, most), 0);
}

/* Sends `n` bytes, `at_once` of them in a call, fed `most` at a time; all must come. */
static void send_and_receive(struct talk *talk, size_t n, size_t at_once, size_t most)
{
    uint8_t *sent = malloc(n), *came = malloc(n);
    size_t n_encrypted, n_came = 0;

    assert_non_null(sent);
    assert_non_null(came);
    for (size_t i = 0; i < n; i++) {
        sent[i] = (uint8_t)(i * 31 + i / 251);
    }
    for (size_t i = 0; i < n; i += at_once) {
        assert_int_equal(
            tls_send(talk->dialler, sent + i, n - i < at_once ? n - i : at_once, &talk->err),
            0);
    }
    uint8_t *encrypted = tls_take(talk->dialler, &n_encrypted);
    for (size_t i = 0; i < n_encrypted; i += most) {
        int r = 0;

        tls_feed(talk->dialled, encrypted + i, n_encrypted - i < most ? n_encrypted - i : most);
        while (r == 0 && n_came < n) {
            size_t got = 0;
            r = tls_receive(talk->dialled, came + n_came, n - n_came, &got, &talk->err);
            n_came += got;
        }
        assert_true(r == 0 || r == TLS_MORE);
    }
    assert_int_equal(n_came, n);
    assert_memory_equal(sent, came, n);
    free(encrypted);
    free(sent);
    free(came);
}

static void both_know_each_other_by_name(void **state)
{
    struct talk *talk = *state;

    assert_null(tls_name(talk->dialled));
    shake_hands(talk, SIZE_MAX / 2);
    assert_string_equal(tls_name(talk->dialler), "fit-1");
    assert_string_equal(tls_name(talk->dialled), "cam-1");
    send_and_receive(talk, 5, 5, 1000);
}

static void a_handshake_torn_at_each_byte_is_none_the_worse(void **state)
{
    struct talk *talk = *state;

    shake_hands(talk, 1);
    send_and_receive(talk, 5000, 700, 1);
}

static void megabytes_come_whole_however_they_are_cut(void **state)
{
    struct talk *talk = *state;

    shake_hands(talk, 100);
    send_and_receive(talk, 3000000, 65536, 65536);
    send_and_receive(talk, 3000000, 50001, 1448);
    send_and_receive(talk, 100000, 1, 997);
}

static void a_key_is_changed_before_it_is_worn_out(void **state)
{
    struct talk *talk = *state;

    shake_hands(talk, 100);
    send_and_receive(talk, 2 * TLS_RECORDS_OF_A_KEY + 10, 1, 65536);
    for (unsigned i = 0, changes = 0; changes < 2; i++) {
        size_t n;

        assert_true(i <= 2 * TLS_RECORDS_OF_A_KEY);
        assert_int_equal(tls_send(talk->dialler, "x", 1, &talk->err), 0);
        free(tls_take(talk->dialler, &n));
        changes += n > 5 + 1 + 1 + 16; /* a record of one byte, and one more before it */
    }
}

static void who_is_not_the_one_that_is_wanted_hears_nothing(void **state)
{
    struct talk *talk = *state;
    size_t n;

    tls_destroy(talk->dialler);
    talk->dialler = tls_create(talk->cam, "draw-1");
    assert_int_equal(tls_shake_hands(talk->dialler, &talk->err), TLS_MORE);
    pass(talk, talk->dialler, talk->dialled, 1000);
    assert_int_equal(pass(talk, talk->dialled, talk->dialler, 100000), -EPROTO);
    assert_string_equal(talk->err.text, "is 'fit-1', not 'draw-1'");
    assert_null(tls_name(talk->dialler));
    assert_null(tls_take(talk->dialler, &n));
}

/* A name is a name: not a pattern, and not the beginning of one. */
static void a_name_that_is_nearly_right_is_wrong(void **state)
{
    static const char *const names[] = {"*", "fit-*", "fit-10", "fit-", "FIT-1", "fit-1."};
    struct talk *talk = *state;

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        struct tls_context *nearly = secure_rig_context(talk->authority, names[i]);

        tls_destroy(talk->dialler);
        tls_destroy(talk->dialled);
        talk->dialler = tls_create(talk->cam, "fit-1");
        talk->dialled = tls_create(nearly, NULL);
        tls_shake_hands(talk->dialler, &talk->err);
        pass(talk, talk->dialler, talk->dialled, 1000);
        assert_int_equal(pass(talk, talk->dialled, talk->dialler, 100000), -EPROTO);
        tls_context_unref(nearly);
    }
}

static void who_is_reached_with_a_foreign_certificate_is_refused(void **state)
{
    struct talk *talk = *state;
    struct tls_context *foreign = secure_rig_context(talk->foreign, "fit-1");

    tls_destroy(talk->dialled);
    talk->dialled = tls_create(foreign, NULL);
    tls_context_unref(foreign);
    tls_shake_hands(talk->dialler, &talk->err);
    pass(talk, talk->dialler, talk->dialled, 1000);
    assert_int_equal(pass(talk, talk->dialled, talk->dialler, 100000), -EPROTO);
    assert_non_null(strstr(talk->err.text, "has a certificate that is not believed"));
    assert_null(tls_name(talk->dialler));
}

/* He knows our authority, which is no secret, so that only his own certificate is wrong. */
static void who_dials_with_a_foreign_certificate_is_refused(void **state)
{
    struct talk *talk = *state;
    struct tls_context *foreign = secure_rig_stranger(talk->authority, talk->foreign, "cam-1");

    tls_destroy(talk->dialler);
    talk->dialler = tls_create(foreign, "fit-1");
    tls_context_unref(foreign);
    tls_shake_hands(talk->dialler, &talk->err);
    pass(talk, talk->dialler, talk->dialled, 1000);
    assert_int_equal(pass(talk, talk->dialled, talk->dialler, 100000), 0);
    assert_int_equal(tls_send(talk->dialler, "hello", 5, &talk->err), 0);
    assert_int_equal(pass(talk, talk->dialler, talk->dialled, 100000), -EPROTO);
    assert_non_null(strstr(talk->err.text, "has a certificate that is not believed"));
    assert_null(tls_name(talk->dialled));
}

/* Somebody else's TLS. */
struct stranger {
    SSL_CTX *context;
    SSL *ssl;
    BIO *in, *out;
};

static struct stranger stranger_come(const struct talk *talk, bool certificate, int newest)
{
    struct stranger stranger = {.context = SSL_CTX_new(TLS_client_method())};
    X509 *own = X509_new();
    EVP_PKEY *key = EVP_EC_gen("P-256");

    (void)talk;
    X509_set_version(own, 2);
    X509_gmtime_adj(X509_getm_notBefore(own), 0);
    X509_gmtime_adj(X509_getm_notAfter(own), 1000);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(own), "CN", MBSTRING_ASC,
                               (const unsigned char *)"cam-1", -1, -1, 0);
    X509_set_issuer_name(own, X509_get_subject_name(own));
    X509_set_pubkey(own, key);
    assert_true(X509_sign(own, key, EVP_sha256()) > 0);
    if (certificate) {
        assert_int_equal(SSL_CTX_use_certificate(stranger.context, own), 1);
        assert_int_equal(SSL_CTX_use_PrivateKey(stranger.context, key), 1);
    }
    X509_free(own);
    EVP_PKEY_free(key);
    SSL_CTX_set_max_proto_version(stranger.context, newest);
    stranger.ssl = SSL_new(stranger.context);
    stranger.in = BIO_new(BIO_s_mem());
    stranger.out = BIO_new(BIO_s_mem());
    SSL_set_bio(stranger.ssl, stranger.in, stranger.out);
    SSL_set_connect_state(stranger.ssl);
    return stranger;
}

static void stranger_go(struct stranger *stranger)
{
    SSL_free(stranger->ssl);
    SSL_CTX_free(stranger->context);
    ERR_clear_error();
}

/* What the stranger has to say, and the answer. */
static int hear_stranger(struct talk *talk, struct stranger *stranger)
{
    char bytes[8192];
    size_t n = 0;
    int size = BIO_read(stranger->out, bytes, sizeof(bytes));

    tls_feed(talk->dialled, bytes, size > 0 ? (size_t)size : 0);
    int r = tls_shake_hands(talk->dialled, &talk->err);
    uint8_t *answer = tls_take(talk->dialled, &n);
    BIO_write(stranger->in, answer, (int)n);
    free(answer);
    return r;
}

/* In TLS 1.3 who dials believes that all is well before the other end has seen its certificate:
 * so it may have sent something by then. */
static void assert_refused(struct talk *talk, struct stranger *stranger, const char *why)
{
    char answer[64];

    assert_int_equal(SSL_do_handshake(stranger->ssl), -1);
    assert_int_equal(hear_stranger(talk, stranger), TLS_MORE);
    assert_int_equal(SSL_do_handshake(stranger->ssl), 1);
    assert_int_equal(SSL_write(stranger->ssl, "hello", 5), 5);
    assert_int_equal(hear_stranger(talk, stranger), -EPROTO);
    assert_string_equal(talk->err.text, why);
    assert_null(tls_name(talk->dialled));
    assert_true(SSL_read(stranger->ssl, answer, sizeof(answer)) <= 0);
}

static void who_has_no_certificate_is_refused(void **state)
{
    struct talk *talk = *state;
    struct stranger stranger = stranger_come(talk, false, TLS1_3_VERSION);

    assert_refused(talk, &stranger, "fails at TLS: peer did not return a certificate");
    stranger_go(&stranger);
}

static void who_signed_his_certificate_himself_is_refused(void **state)
{
    struct talk *talk = *state;
    struct stranger stranger = stranger_come(talk, true, TLS1_3_VERSION);

    assert_refused(talk, &stranger,
                   "has a certificate that is not believed: self-signed certificate");
    stranger_go(&stranger);
}

static void an_older_tls_is_refused(void **state)
{
    struct talk *talk = *state;
    struct stranger stranger = stranger_come(talk, true, TLS1_2_VERSION);

    assert_int_equal(SSL_do_handshake(stranger.ssl), -1);
    assert_int_equal(hear_stranger(talk, &stranger), -EPROTO);
    assert_string_equal(talk->err.text, "fails at TLS: unsupported protocol");
    stranger_go(&stranger);
}

static void who_speaks_anything_else_is_told_in_plain_words(void **state)
{
    static const char *const words[] = {"BRM1", "GET / HTTP/1.1\r\n", "\x15\x03\x03",
                                        "\x17\x03\x03"};
    struct talk *talk = *state;

    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
        tls_destroy(talk->dialled);
        talk->dialled = tls_create(talk->fit, NULL);
        tls_feed(talk->dialled, words[i], strlen(words[i]));
        assert_int_equal(tls_shake_hands(talk->dialled, &talk->err), -EPROTO);
        assert_string_equal(talk->err.text, "does not speak TLS");
    }
    assert_int_equal(tls_shake_hands(talk->dialler, &talk->err), TLS_MORE);
    tls_feed(talk->dialler, "BRM1", 4);
    assert_int_equal(tls_shake_hands(talk->dialler, &talk->err), -EPROTO);
    assert_string_equal(talk->err.text, "does not speak TLS");
}

static void a_record_that_was_changed_anywhere_is_refused(void **state)
{
    struct talk *talk = *state;
    char came[16];

    for (size_t at = 0; at < 5 + 5 + 1 + 16; at++) {
        size_t n, got = 0;

        shake_hands(talk, 1000);
        assert_int_equal(tls_send(talk->dialler, "hello", 5, &talk->err), 0);
        uint8_t *record = tls_take(talk->dialler, &n);
        assert_int_equal(n, 5 + 5 + 1 + 16);
        record[at] ^= 0x10;
        tls_feed(talk->dialled, record, n);
        int r = tls_receive(talk->dialled, came, sizeof(came), &got, &talk->err);
        /* Of one that has become longer the rest may be to come. */
        assert_true(r == -EPROTO || (r == TLS_MORE && (at == 3 || at == 4)));
        assert_int_equal(got, 0);
        free(record);
        tls_destroy(talk->dialler);
        tls_destroy(talk->dialled);
        talk->dialler = tls_create(talk->cam, "fit-1");
        talk->dialled = tls_create(talk->fit, NULL);
    }
}

/* Whatever is changed in what who dials says first and second, he is not let in: the handshake
 * is signed. */
static void a_handshake_that_was_changed_anywhere_comes_to_nothing(void **state)
{
    struct talk *talk = *state;

    for (size_t at = 0, n = 1; at < n; at++) {
        size_t n_second;
        int r;

        assert_int_equal(tls_shake_hands(talk->dialler, &talk->err), TLS_MORE);
        uint8_t *hello = tls_take(talk->dialler, &n);
        hello[at] ^= 0x01;
        tls_feed(talk->dialled, hello, n);
        r = tls_shake_hands(talk->dialled, &talk->err);
        free(hello);
        if (r == TLS_MORE) {
            pass(talk, talk->dialled, talk->dialler, 100000);
            uint8_t *second = tls_take(talk->dialler, &n_second);
            tls_feed(talk->dialled, second, n_second);
            r = tls_shake_hands(talk->dialled, &talk->err);
            free(second);
        }
        /* The version in the header of a record counts for nothing (RFC 8446, 5.1). */
        assert_true(r != 0 || at == 1 || at == 2);
        tls_destroy(talk->dialler);
        tls_destroy(talk->dialled);
        talk->dialler = tls_create(talk->cam, "fit-1");
        talk->dialled = tls_create(talk->fit, NULL);
    }
}

static void credentials_without_a_key_that_fits_are_refused(void **state)
{
    struct talk *talk = *state;
    struct credentials mine = {0}, other = {0};
    struct tls_context *context = NULL;

    assert_int_equal(authority_issue(talk->authority, "a", &mine, &talk->err), 0);
    assert_int_equal(authority_issue(talk->authority, "a", &other, &talk->err), 0);
    char *key = mine.key;
    mine.key = other.key;
    assert_int_equal(tls_context_create(&mine, &context, &talk->err), -EINVAL);
    assert_null(context);
    mine.key = mine.certificate;
    assert_int_equal(tls_context_create(&mine, &context, &talk->err), -EINVAL);
    mine.key = key;
    credentials_finish(&mine);
    credentials_finish(&other);
}

#define STORY(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(both_know_each_other_by_name),
        STORY(a_handshake_torn_at_each_byte_is_none_the_worse),
        STORY(megabytes_come_whole_however_they_are_cut),
        STORY(a_key_is_changed_before_it_is_worn_out),
        STORY(who_is_not_the_one_that_is_wanted_hears_nothing),
        STORY(a_name_that_is_nearly_right_is_wrong),
        STORY(who_is_reached_with_a_foreign_certificate_is_refused),
        STORY(who_dials_with_a_foreign_certificate_is_refused),
        STORY(who_has_no_certificate_is_refused),
        STORY(who_signed_his_certificate_himself_is_refused),
        STORY(an_older_tls_is_refused),
        STORY(who_speaks_anything_else_is_told_in_plain_words),
        STORY(a_record_that_was_changed_anywhere_is_refused),
        STORY(a_handshake_that_was_changed_anywhere_comes_to_nothing),
        STORY(credentials_without_a_key_that_fits_are_refused),
    };
    return cmocka_run_group_tests_name("tls", tests, NULL, NULL);
}
