/* What stateful operators remember, of stages whose disks may go with their machines: the last
 * checkpoint of each, as its stage told it, for the stage that takes its place. Pure.
 *
 * A stage takes a checkpoint for kept when it is answered; from then on, frames below its mark
 * are not sent again. So none that is older ever replaces one.
 */
#ifndef CONTROLLER_CHECKPOINTS_H
#define CONTROLLER_CHECKPOINTS_H

#include "base/json.h"
#include "graph/deployment.h"

/* Takes a `checkpoint` message of a stage of that group into `kept`, an object that begins
 * empty; NULL: nothing is kept. Returns the answer; NULL: it is not kept, there is no such
 * operator in the group, or no mark. */
json_t *checkpoints_take(json_t *kept, const struct deployment *deployment, const char *group,
                         const json_t *message);

/* Those of the group's operators: {operator: {"mark", "data"}}; NULL: nothing is kept. */
json_t *checkpoints_of(const json_t *kept, const struct deployment *deployment,
                       const char *group);

#endif
