/* What must hold in a deployment beyond its form; deployment_from_json() asks for it, and the
 * planner's tests may ask for what they made.
 */
#ifndef GRAPH_DEPLOYMENT_CHECK_H
#define GRAPH_DEPLOYMENT_CHECK_H

#include "graph/deployment.h"

/* -EINVAL with a sentence: names, references, numbers, and that a channel exists for each input
 * that comes from another group, and only for those. */
int deployment_check(const struct deployment *deployment, struct error *err);

#endif
