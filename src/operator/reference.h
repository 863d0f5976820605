/* The operators' tables as text for people. */
#ifndef OPERATOR_REFERENCE_H
#define OPERATOR_REFERENCE_H

#include <brume/operator.h>
#include <stdio.h>

struct error;

/* Writes docs/operators.md: all operators there are, but a user's own. */
int operator_reference(FILE *file, struct error *err);

/* One operator's part of it. */
void operator_reference_one(FILE *file, const struct brume_operator *type);

/* "picture", "boxes": how a person calls what flows through a port. */
const char *operator_kind_name(enum brume_kind kind);

#endif
