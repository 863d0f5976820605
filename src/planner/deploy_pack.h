/* Private to the planner. */
#ifndef PLANNER_DEPLOY_PACK_H
#define PLANNER_DEPLOY_PACK_H

#include <stddef.h>

struct deployment;

/* Packs what goes over a channel with `codec` (a codec of the operator `pack`): `pack` behind
 * the sender, once, and `unpack` before those that read it in the receiving group. */
void deploy_pack(struct deployment *deployment, size_t index, const char *codec);

#endif
