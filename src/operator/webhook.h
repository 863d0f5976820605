/* Posts JSON to a web server until it is taken, within bounds. The one place that includes
 * libcurl. */
#ifndef OPERATOR_WEBHOOK_H
#define OPERATOR_WEBHOOK_H

#include <stdint.h>

struct error;
struct webhook;

struct webhook_options {
    const char *url;
    uint64_t timeout_ms; /* of an attempt */
    unsigned attempts;
    uint64_t pause_ms; /* before the second attempt; then twice as long, a minute at most */
};

/* Checks the address; nothing is sent. */
int webhook_create(const struct webhook_options *options, struct webhook **ret_webhook,
                   struct error *err);
void webhook_destroy(struct webhook *webhook); /* accepts NULL */

/* Returns when the server said that it took it (2xx), refused it (4xx and the like), or after
 * the last attempt: 0, or a negative error and a sentence. Each attempt has the same header
 * `Idempotency-Key`; `key` is of letters, digits and `-`. A redirection is not followed. */
int webhook_post(struct webhook *webhook, const char *key, const char *body, struct error *err);

#endif
