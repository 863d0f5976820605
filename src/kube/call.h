/* What asking with a loop and without one have in common. Not for others. */
#ifndef KUBE_CALL_H
#define KUBE_CALL_H

#include <stddef.h>

#include "kube/api.h"
#include "kube/pace.h"

struct http_answer;

/* A page of 500 large objects. */
#define KUBE_ANSWER_MOST ((size_t)64 << 20)

const char *kube_call_type(const struct kube_call *call);

/* Adds what is to be known of a try that failed with `err`. */
void kube_call_failed(const struct http_answer *answer, const struct error *err,
                      struct pace_failure *failure);

double kube_dice(void); /* from 0 up to 1 */

#endif
