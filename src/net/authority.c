#include "net/authority.h"

#include <ctype.h>
#include <errno.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "net/credentials.h"

enum {
    VERSION_3 = 2,     /* as X.509 counts */
    SERIAL_BYTES = 16, /* random, as RFC 5280 has it at most 20 */
};

struct authority {
    EVP_PKEY *key;
    X509 *certificate;
};

/* The names of the library's objects that end with a scope. */
static void end_certificate(X509 **certificate)
{
    X509_free(*certificate);
}

static void end_key(EVP_PKEY **key)
{
    EVP_PKEY_free(*key);
}

static void end_names(GENERAL_NAMES **names)
{
    GENERAL_NAMES_free(*names);
}

static bool set_serial(X509 *certificate)
{
    unsigned char bytes[SERIAL_BYTES];
    BIGNUM *number = NULL;

    if (RAND_bytes(bytes, sizeof(bytes)) == 1) {
        bytes[0] = (unsigned char)(bytes[0] & 0x7f) | 0x40;
        number = BN_bin2bn(bytes, sizeof(bytes), NULL);
    }
    bool done = number != NULL &&
                BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != NULL;
    BN_free(number);
    return done;
}

/* From before any clock's beginning to what RFC 5280 (4.1.2.5) has for "no end known". */
static bool set_times(X509 *certificate)
{
    return ASN1_TIME_set_string_X509(X509_getm_notBefore(certificate), "19700101000000Z") ==
               1 &&
           ASN1_TIME_set_string_X509(X509_getm_notAfter(certificate), "99991231235959Z") == 1;
}

static bool set_subject(X509 *certificate, const char *name)
{
    return X509_NAME_add_entry_by_NID(X509_get_subject_name(certificate), NID_commonName,
                                      MBSTRING_ASC, (const unsigned char *)name, -1, -1,
                                      0) == 1;
}

static bool add_extension(X509 *certificate, X509 *issuer, int what, const char *value)
{
    X509V3_CTX context;

    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, what, value);
    bool done = extension != NULL && X509_add_ext(certificate, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return done;
}

/* Not by add_extension(), for which a comma would end the name. */
static bool add_name(X509 *certificate, const char *name)
{
    cleanup(end_names) GENERAL_NAMES *names = GENERAL_NAMES_new();
    GENERAL_NAME *entry = GENERAL_NAME_new();
    ASN1_IA5STRING *text = ASN1_IA5STRING_new();

    if (names == NULL || entry == NULL || text == NULL ||
        ASN1_STRING_set(text, name, -1) != 1 || sk_GENERAL_NAME_push(names, entry) <= 0) {
        ASN1_IA5STRING_free(text);
        GENERAL_NAME_free(entry);
        return false;
    }
    GENERAL_NAME_set0_value(entry, GEN_DNS, text);
    return X509_add1_ext_i2d(certificate, NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT) ==
           1;
}

/* What all certificates have. */
static X509 *begin_certificate(const char *name, EVP_PKEY *key)
{
    X509 *certificate = X509_new();

    if (certificate != NULL &&
        (X509_set_version(certificate, VERSION_3) != 1 || !set_serial(certificate) ||
         !set_times(certificate) || !set_subject(certificate, name) ||
         X509_set_pubkey(certificate, key) != 1)) {
        X509_free(certificate);
        return NULL;
    }
    return certificate;
}

static bool finish_authority(X509 *certificate, EVP_PKEY *key)
{
    return X509_set_issuer_name(certificate, X509_get_subject_name(certificate)) == 1 &&
           add_extension(certificate, certificate, NID_basic_constraints,
                         "critical,CA:TRUE,pathlen:0") &&
           add_extension(certificate, certificate, NID_key_usage, "critical,keyCertSign") &&
           add_extension(certificate, certificate, NID_subject_key_identifier, "hash") &&
           X509_sign(certificate, key, EVP_sha256()) > 0;
}

static bool finish_leaf(X509 *certificate, const char *name, const struct authority *authority)
{
    return X509_set_issuer_name(certificate, X509_get_subject_name(authority->certificate)) ==
               1 &&
           add_extension(certificate, authority->certificate, NID_basic_constraints,
                         "critical,CA:FALSE") &&
           add_extension(certificate, authority->certificate, NID_key_usage,
                         "critical,digitalSignature") &&
           add_extension(certificate, authority->certificate, NID_ext_key_usage,
                         "serverAuth,clientAuth") &&
           add_extension(certificate, authority->certificate, NID_authority_key_identifier,
                         "keyid:always") &&
           add_name(certificate, name) &&
           X509_sign(certificate, authority->key, EVP_sha256()) > 0;
}

static char *text_of(BIO *memory, bool written)
{
    const char *bytes = NULL;
    long n = written ? BIO_get_mem_data(memory, &bytes) : 0;
    char *text = n > 0 ? memory_format("%.*s", (int)n, bytes) : NULL;

    BIO_free(memory);
    return text;
}

static char *certificate_text(X509 *certificate)
{
    BIO *memory = BIO_new(BIO_s_mem());

    return text_of(memory, memory != NULL && PEM_write_bio_X509(memory, certificate) == 1);
}

static char *key_text(EVP_PKEY *key)
{
    BIO *memory = BIO_new(BIO_s_mem());

    return text_of(memory, memory != NULL && PEM_write_bio_PrivateKey(memory, key, NULL, NULL,
                                                                      0, NULL, NULL) == 1);
}

int authority_create(struct authority **ret_authority, struct error *err)
{
    struct authority *authority = memory_new(1, sizeof(*authority));

    authority->key = EVP_EC_gen("P-256");
    if (authority->key != NULL) {
        authority->certificate = begin_certificate("brume", authority->key);
    }
    if (authority->certificate == NULL ||
        !finish_authority(authority->certificate, authority->key)) {
        authority_destroy(authority);
        return error_set(err, -EIO, "cannot make a certificate authority");
    }
    *ret_authority = authority;
    return 0;
}

char *authority_to_text(const struct authority *authority)
{
    cleanup(memory_wipe) char *key = key_text(authority->key);
    cleanup(memory_free) char *certificate = certificate_text(authority->certificate);

    if (key == NULL || certificate == NULL) {
        abort();
    }
    return memory_format("%s%s", key, certificate);
}

int authority_from_text(const char *text, struct authority **ret_authority, struct error *err)
{
    struct authority *authority = memory_new(1, sizeof(*authority));
    BIO *memory = BIO_new_mem_buf(text, -1);

    if (memory != NULL) {
        authority->key = PEM_read_bio_PrivateKey(memory, NULL, NULL, NULL);
        authority->certificate = PEM_read_bio_X509(memory, NULL, NULL, NULL);
    }
    BIO_free(memory);
    if (authority->key == NULL || authority->certificate == NULL ||
        X509_check_private_key(authority->certificate, authority->key) != 1) {
        authority_destroy(authority);
        return error_set(err, -EINVAL, "what was kept of a certificate authority is none");
    }
    *ret_authority = authority;
    return 0;
}

void authority_destroy(struct authority *authority)
{
    if (authority != NULL) {
        X509_free(authority->certificate);
        EVP_PKEY_free(authority->key);
        memory_free(&authority);
    }
}

static bool may_be_a_name(const char *name)
{
    size_t n = 0;

    while (n <= AUTHORITY_NAME_MAX && isgraph((unsigned char)name[n])) {
        n++;
    }
    return n > 0 && n <= AUTHORITY_NAME_MAX && name[n] == '\0';
}

int authority_issue(const struct authority *authority, const char *name,
                    struct credentials *ret_credentials, struct error *err)
{
    if (!may_be_a_name(name)) {
        return error_set(err, -EINVAL, "'%.80s' is no name for a certificate", name);
    }
    cleanup(end_key) EVP_PKEY *key = EVP_EC_gen("P-256");
    cleanup(end_certificate) X509 *certificate =
        key != NULL ? begin_certificate(name, key) : NULL;
    if (certificate == NULL || !finish_leaf(certificate, name, authority)) {
        return error_set(err, -EIO, "cannot make a certificate for '%s'", name);
    }
    ret_credentials->authority = certificate_text(authority->certificate);
    ret_credentials->certificate = certificate_text(certificate);
    ret_credentials->key = key_text(key);
    if (ret_credentials->authority == NULL || ret_credentials->certificate == NULL ||
        ret_credentials->key == NULL) {
        memory_free(&ret_credentials->authority);
        memory_free(&ret_credentials->certificate);
        memory_wipe(&ret_credentials->key);
        return error_set(err, -ENOMEM, "cannot write the certificate of '%s'", name);
    }
    return 0;
}
