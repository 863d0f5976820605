#include "graph/deployment.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

static void free_operator(struct deployment_operator *step)
{
    free(step->name);
    free(step->origin);
    free(step->use);
    free(step->group);
    for (size_t i = 0; i < step->n_params; i++) {
        free(step->params[i].name);
        free(step->params[i].value);
    }
    free(step->params);
    for (size_t i = 0; i < step->n_inputs; i++) {
        free(step->inputs[i].from);
    }
    free(step->inputs);
}

void deployment_destroy(struct deployment *deployment)
{
    if (deployment == NULL) {
        return;
    }
    for (size_t i = 0; i < deployment->n_operators; i++) {
        free_operator(&deployment->operators[i]);
    }
    for (size_t i = 0; i < deployment->n_stages; i++) {
        free(deployment->stages[i].name);
        free(deployment->stages[i].group);
        free(deployment->stages[i].device);
        free(deployment->stages[i].image);
    }
    for (size_t i = 0; i < deployment->n_channels; i++) {
        free(deployment->channels[i].from_operator);
        free(deployment->channels[i].from_group);
        free(deployment->channels[i].to_group);
    }
    free(deployment->operators);
    free(deployment->stages);
    free(deployment->channels);
    free(deployment->application);
    free(deployment);
}

void deployment_destroyp(struct deployment **deployment)
{
    deployment_destroy(*deployment);
    *deployment = NULL;
}

const struct deployment_operator *deployment_operator(const struct deployment *deployment,
                                                      const char *name)
{
    for (size_t i = 0; i < deployment->n_operators; i++) {
        if (strcmp(deployment->operators[i].name, name) == 0) {
            return &deployment->operators[i];
        }
    }
    return NULL;
}

const struct deployment_stage *deployment_stage(const struct deployment *deployment,
                                                const char *name)
{
    for (size_t i = 0; i < deployment->n_stages; i++) {
        if (strcmp(deployment->stages[i].name, name) == 0) {
            return &deployment->stages[i];
        }
    }
    return NULL;
}

const struct deployment_channel *deployment_channel(const struct deployment *deployment,
                                                    const struct deployment_operator *reader,
                                                    size_t input)
{
    const struct deployment_input *from = &reader->inputs[input];

    for (size_t i = 0; i < deployment->n_channels; i++) {
        const struct deployment_channel *channel = &deployment->channels[i];
        if (channel->from_port == from->port &&
            strcmp(channel->from_operator, from->from) == 0 &&
            strcmp(channel->to_group, reader->group) == 0) {
            return channel;
        }
    }
    return NULL;
}

size_t deployment_replicas(const struct deployment *deployment, const char *group)
{
    size_t n = 0;

    for (size_t i = 0; i < deployment->n_stages; i++) {
        n += strcmp(deployment->stages[i].group, group) == 0 ? 1 : 0;
    }
    return n;
}
