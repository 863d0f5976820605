/* One stage's part of a deployment, in the numbers that the core works with. */
#ifndef STAGE_CONFIG_H
#define STAGE_CONFIG_H

#include "graph/deployment.h"
#include "stage/core.h"

struct stage_config {
    const struct deployment *deployment; /* borrowed */
    const struct deployment_stage *stage;
    struct core_config core;
    /* What the core's indices stand for. */
    const struct deployment_operator **operators;
    const struct deployment_channel **in, **out;
    const char **in_links, **out_links; /* names of the stages at the other end */
};

/* The deployment was checked by deployment_from_json(); `n_outputs` tells how many output ports
 * an operator type has, the operators of the group are counted against the core's limits. Marks
 * of sinks are zero. -ENOENT: there is no such stage. */
int stage_config_create(const struct deployment *deployment, const char *stage,
                        unsigned (*n_outputs)(void *owner, const char *use), void *owner,
                        struct stage_config **ret_config, struct error *err);
void stage_config_destroy(struct stage_config *config);
void stage_config_destroyp(struct stage_config **config);

/* Index of a link by the name of the other end, or of a channel by its id; -1: none such. */
int stage_config_in_link(const struct stage_config *config, const char *stage);
int stage_config_out_link(const struct stage_config *config, const char *stage);
int stage_config_in_channel(const struct stage_config *config, unsigned id);
int stage_config_out_channel(const struct stage_config *config, unsigned id);

#endif
