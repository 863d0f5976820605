/* The certificate authority of one run of an application: a key on P-256 that signs a
 * certificate for each stage and for the controller, so that they know each other and nobody
 * else. It lives in memory, and where a run outlives its controller in the run's secret, and
 * ends with the run, and with it ends all that it signed: devices without a clock of their own
 * need no date to agree on.
 *
 *   happy path     authority_create, authority_issue for each name, authority_destroy
 *   failure modes  a name that cannot stand in a certificate is refused (-EINVAL)
 */
#ifndef NET_AUTHORITY_H
#define NET_AUTHORITY_H

struct authority;
struct credentials;
struct error;

enum { AUTHORITY_NAME_MAX = 63 }; /* letters of a name */

int authority_create(struct authority **ret_authority, struct error *err);
/* Key and certificate as one text (PEM), malloc'ed, to be freed by memory_wipe(): for whoever
 * may have to take the authority's place. Abort on want of memory. */
char *authority_to_text(const struct authority *authority);
/* -EINVAL: it is no such text. */
int authority_from_text(const char *text, struct authority **ret_authority, struct error *err);
void authority_destroy(struct authority *authority); /* accepts NULL */

/* Makes a key and a certificate for `name`, its common name and its one alternative name, good
 * for both ends of a link. Writes authority, certificate and key of `ret_credentials`, which
 * had none, and leaves the token. */
int authority_issue(const struct authority *authority, const char *name,
                    struct credentials *ret_credentials, struct error *err);

#endif
