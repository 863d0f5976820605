/* The first message on any link: who dials, whom it wants, and the token that proves it. */
#ifndef NET_HELLO_H
#define NET_HELLO_H

#include <stdbool.h>
#include <stddef.h>

struct error;

#define HELLO_CONTROLLER "controller" /* its name on any link */

struct hello {
    char *from, *to, *token; /* owned only after hello_from_text() */
    unsigned life;           /* how often `from` was started before */
    char *address;           /* of a controller that wants to be dialled there; else NULL */
};

char *hello_to_text(const struct hello *hello); /* JSON, malloc'ed */
int hello_from_text(const void *text, size_t size, struct hello *ret_hello, struct error *err);
void hello_finish(struct hello *hello);

/* In a time that does not depend on where they differ. */
bool hello_token_equal(const char *a, const char *b);

#endif
