/* Parameters: one table per operator validates what the manifest says. */
#ifndef OPERATOR_PARAM_H
#define OPERATOR_PARAM_H

#include <brume/operator.h>

struct error;

/* Checks that `value` is written as the row wants it: -EINVAL and a sentence with the key. */
int param_check(const struct brume_param *row, const char *value, struct error *err);

/* The row called `name`, or NULL. */
const struct brume_param *param_find(const struct brume_operator *type, const char *name);

/* "integer", "rate": how a person calls the kind. */
const char *param_kind_name(enum brume_param_kind kind);

#endif
