#include <errno.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/test.h"
#include "net/authority.h"
#include "net/credentials.h"

static X509 *read_certificate(const char *text)
{
    BIO *memory = BIO_new_mem_buf(text, -1);
    X509 *certificate = PEM_read_bio_X509(memory, NULL, NULL, NULL);

    BIO_free(memory);
    assert_non_null(certificate);
    return certificate;
}

/* What the authority issues for a name. */
struct issued {
    struct credentials credentials;
    X509 *authority, *own;
};

static struct issued issue(const struct authority *authority, const char *name)
{
    struct issued issued = {0};
    struct error err;

    assert_int_equal(authority_issue(authority, name, &issued.credentials, &err), 0);
    issued.authority = read_certificate(issued.credentials.authority);
    issued.own = read_certificate(issued.credentials.certificate);
    return issued;
}

static void discard(struct issued *issued)
{
    credentials_finish(&issued->credentials);
    X509_free(issued->authority);
    X509_free(issued->own);
}

static int start(void **state)
{
    struct authority *authority;
    struct error err;

    assert_int_equal(authority_create(&authority, &err), 0);
    *state = authority;
    return 0;
}

static int stop(void **state)
{
    authority_destroy(*state);
    return 0;
}

static void a_certificate_is_signed_by_the_authority(void **state)
{
    struct issued issued = issue(*state, "fit-1");

    assert_int_equal(X509_verify(issued.own, X509_get0_pubkey(issued.authority)), 1);
    assert_int_equal(X509_check_issued(issued.authority, issued.own), X509_V_OK);
    assert_int_equal(X509_check_ca(issued.authority), 1);
    discard(&issued);
}

static void it_is_good_for_both_ends_of_a_link_and_signs_no_others(void **state)
{
    struct issued issued = issue(*state, "fit-1");

    assert_int_equal(X509_check_purpose(issued.own, X509_PURPOSE_SSL_CLIENT, 0), 1);
    assert_int_equal(X509_check_purpose(issued.own, X509_PURPOSE_SSL_SERVER, 0), 1);
    assert_int_equal(X509_check_ca(issued.own), 0);
    discard(&issued);
}

static void assert_named(X509 *certificate, const char *name)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    char common[128];
    int type;

    assert_int_equal(sk_GENERAL_NAME_num(names), 1);
    const ASN1_STRING *text = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, 0), &type);
    assert_int_equal(type, GEN_DNS);
    assert_int_equal(ASN1_STRING_length(text), strlen(name));
    assert_memory_equal(ASN1_STRING_get0_data(text), name, strlen(name));
    GENERAL_NAMES_free(names);
    X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, common,
                              sizeof(common));
    assert_string_equal(common, name);
}

static void it_bears_one_name_whatever_is_in_it(void **state)
{
    static const char *const names[] = {
        "fit-1", "a,DNS:controller", "*",
        "a-name-of-sixty-three-letters-which-is-what-a-label-may-have-000"};

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        char name[AUTHORITY_NAME_MAX + 1] = "";
        strncat(name, names[i], AUTHORITY_NAME_MAX);
        struct issued issued = issue(*state, name);
        assert_named(issued.own, name);
        discard(&issued);
    }
}

static void what_is_no_name_is_refused(void **state)
{
    static const char *const names[] = {
        "", "two words", "new\nline", "stra\xc3\x9f",
        "a-name-of-sixty-four-letters-is-one-more-than-a-label-may-have-0"};
    struct credentials credentials = {0};
    struct error err;

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        assert_int_equal(authority_issue(*state, names[i], &credentials, &err), -EINVAL);
        assert_null(credentials.key);
    }
}

static void no_two_have_a_key_or_a_number_in_common(void **state)
{
    struct issued first = issue(*state, "fit-1"), second = issue(*state, "fit-1");

    assert_string_not_equal(first.credentials.key, second.credentials.key);
    assert_string_equal(first.credentials.authority, second.credentials.authority);
    assert_int_not_equal(
        ASN1_INTEGER_cmp(X509_get0_serialNumber(first.own), X509_get0_serialNumber(second.own)),
        0);
    discard(&first);
    discard(&second);
}

static void a_device_without_a_clock_believes_it(void **state)
{
    struct issued issued = issue(*state, "fit-1");
    time_t beginning = 1;

    assert_int_equal(X509_cmp_time(X509_get0_notBefore(issued.own), &beginning), -1);
    assert_string_equal((const char *)ASN1_STRING_get0_data(X509_get0_notAfter(issued.own)),
                        "99991231235959Z");
    discard(&issued);
}

static void one_that_takes_its_place_signs_what_is_believed(void **state)
{
    cleanup(memory_wipe) char *text = authority_to_text(*state);
    struct authority *second = NULL;
    struct error err;

    assert_int_equal(authority_from_text(text, &second, &err), 0);
    struct issued first = issue(*state, "fit-1"), later = issue(second, "detect-1");
    assert_int_equal(X509_cmp(first.authority, later.authority), 0);
    assert_int_equal(X509_verify(later.own, X509_get0_pubkey(first.authority)), 1);
    discard(&first);
    discard(&later);
    authority_destroy(second);
}

static void what_is_no_authority_is_refused(void **state)
{
    cleanup(memory_wipe) char *text = authority_to_text(*state);
    struct authority *other = NULL;
    struct error err;

    assert_int_equal(authority_from_text("", &other, &err), -EINVAL);
    text[strlen(text) / 2] = '!';
    assert_int_equal(authority_from_text(text, &other, &err), -EINVAL);
    assert_null(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_certificate_is_signed_by_the_authority, start, stop),
        cmocka_unit_test_setup_teardown(it_is_good_for_both_ends_of_a_link_and_signs_no_others,
                                        start, stop),
        cmocka_unit_test_setup_teardown(it_bears_one_name_whatever_is_in_it, start, stop),
        cmocka_unit_test_setup_teardown(what_is_no_name_is_refused, start, stop),
        cmocka_unit_test_setup_teardown(no_two_have_a_key_or_a_number_in_common, start, stop),
        cmocka_unit_test_setup_teardown(a_device_without_a_clock_believes_it, start, stop),
        cmocka_unit_test_setup_teardown(one_that_takes_its_place_signs_what_is_believed, start,
                                        stop),
        cmocka_unit_test_setup_teardown(what_is_no_authority_is_refused, start, stop),
    };
    return cmocka_run_group_tests_name("authority", tests, NULL, NULL);
}
