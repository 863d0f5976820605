#include "net/secure_rig.h"

#include "base/base.h"
#include "base/error.h"
#include "base/test.h"
#include "net/credentials.h"

struct authority *secure_rig_authority(void)
{
    struct authority *authority = NULL;
    struct error err;

    assert_int_equal(authority_create(&authority, &err), 0);
    return authority;
}

struct tls_context *secure_rig_context(const struct authority *authority, const char *name)
{
    struct credentials credentials = {0};
    struct tls_context *context = NULL;
    struct error err;

    assert_int_equal(authority_issue(authority, name, &credentials, &err), 0);
    assert_int_equal(tls_context_create(&credentials, &context, &err), 0);
    credentials_finish(&credentials);
    return context;
}

struct tls_context *secure_rig_stranger(const struct authority *authority,
                                        const struct authority *foreign, const char *name)
{
    struct credentials known = {0}, own = {0};
    struct tls_context *context = NULL;
    struct error err;

    assert_int_equal(authority_issue(authority, name, &known, &err), 0);
    assert_int_equal(authority_issue(foreign, name, &own, &err), 0);
    char *text = own.authority;
    own.authority = known.authority;
    known.authority = text;
    assert_int_equal(tls_context_create(&own, &context, &err), 0);
    credentials_finish(&known);
    credentials_finish(&own);
    return context;
}
