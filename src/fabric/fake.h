/* A fabric of virtual devices on which nothing runs, for the tests of whoever uses fabrics; and
 * the strings by which such a test makes things go wrong. fabric_open("fake", …) opens it. */
#ifndef FABRIC_FAKE_H
#define FABRIC_FAKE_H

#include "fabric/fabric.h"

int fake_open(const struct fabric_config *config, struct fabric **ret_fabric,
              struct error *err);

/* The stage is gone, and the owner hears `how` from the loop; false: there is no such stage. */
bool fake_kill(struct fabric *fabric, const char *stage, const char *how);

/* The next start is refused with this sentence. */
void fake_refuse(struct fabric *fabric, const char *sentence);

/* What usage() says of a device from now on. */
void fake_set_usage(struct fabric *fabric, size_t device, const struct fabric_usage *usage);

/* How often a stage was really started, and with which token the last time (borrowed). */
unsigned fake_starts(struct fabric *fabric);
const char *fake_token(struct fabric *fabric);

#endif
