/* What the tests of encrypted links share: an authority, and contexts of names that it knows.
 */
#ifndef NET_SECURE_RIG_H
#define NET_SECURE_RIG_H

#include "net/authority.h"
#include "net/tls.h"

/* An authority of its own for each test: another one is foreign. */
struct authority *secure_rig_authority(void);
/* Who has that name; to be given back by tls_context_unref(). */
struct tls_context *secure_rig_context(const struct authority *authority, const char *name);
/* One who believes in `authority` too, and has that name from a foreign one. */
struct tls_context *secure_rig_stranger(const struct authority *authority,
                                        const struct authority *foreign, const char *name);

#endif
