/* Parameters of operators: the row of an operator's table against a value. The manifest's
 * checker and the stage that opens the operator ask the same function.
 */
#ifndef BASE_PARAM_H
#define BASE_PARAM_H

#include <brume/operator.h>
#include <stdbool.h>

struct error;

/* Checks that `value` is written as the row wants it: -EINVAL and a sentence with the key. */
int param_check(const struct brume_param *row, const char *value, struct error *err);

/* The row called `name`, or NULL. */
const struct brume_param *param_find(const struct brume_operator *type, const char *name);

/* Whether it says where the operator writes. */
bool param_is_written(const struct brume_param *row);

/* "integer", "rate": how a person calls the kind. */
const char *param_kind_name(enum brume_param_kind kind);

#endif
