/* A new manifest for an application that runs: what it changes, and the deployment with it.
 * Pure.
 *
 * Where only parameters of operators differ, the stages that have these operators are renewed
 * and the others never notice. Anything else, such as another operator, edge or cut, is a new
 * plan.
 */
#ifndef CONTROLLER_UPDATE_H
#define CONTROLLER_UPDATE_H

#include <stdbool.h>
#include <stddef.h>

struct application;
struct deployment;
struct deployment_stage;
struct update;

enum update_kind {
    UPDATE_NOTHING,
    UPDATE_IN_PLACE,
    UPDATE_ANEW,
};

/* A network that the deployment (NULL: there is none yet) has cut cannot be exchanged in place.
 */
enum update_kind update_compare(const struct application *before,
                                const struct application *after,
                                const struct deployment *deployment);

/* Gives the operators of the deployment the parameters that differ; the applications are only
 * read during the call. */
struct update *update_apply(struct deployment *deployment, const struct application *before,
                            const struct application *after);
/* Whether the stage has one of the operators that were changed. */
bool update_touches(const struct update *update, const struct deployment_stage *stage);
/* Gives the deployment what it had before; at most once. */
void update_undo(struct update *update);
void update_destroy(struct update *update); /* accepts NULL */

#endif
