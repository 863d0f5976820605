#include "stage/config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

/* Distinct group names, in order of appearance: a group's index is its place here. */
struct names {
    unsigned n;
    const char *names[CORE_CHANNELS_MAX];
};

static unsigned name_index(struct names *names, const char *name)
{
    unsigned i = 0;

    while (i < names->n && strcmp(names->names[i], name) != 0) {
        i++;
    }
    if (i == names->n) {
        names->names[names->n++] = name;
    }
    return i;
}

static int take_operators(struct stage_config *config, struct error *err)
{
    const struct deployment *deployment = config->deployment;

    config->operators = memory_new(deployment->n_operators, sizeof(*config->operators));
    config->core.operators = memory_new(deployment->n_operators, sizeof(struct core_operator));
    for (size_t i = 0; i < deployment->n_operators; i++) {
        const struct deployment_operator *candidate = &deployment->operators[i];

        if (strcmp(candidate->group, config->stage->group) == 0) {
            config->operators[config->core.n_operators++] = candidate;
        }
    }
    if (config->core.n_operators == 0 || config->core.n_operators > CORE_OPERATORS_MAX) {
        return error_set(err, -EINVAL, "stage '%s' has %u operators; 1 to %d can be",
                         config->stage->name, config->core.n_operators, CORE_OPERATORS_MAX);
    }
    return 0;
}

static int take_channels(struct stage_config *config, struct names *from, struct names *to,
                         struct error *err)
{
    const struct deployment *deployment = config->deployment;
    const char *group = config->stage->group;
    struct core_config *core = &config->core;

    config->in = memory_new(deployment->n_channels, sizeof(*config->in));
    config->out = memory_new(deployment->n_channels, sizeof(*config->out));
    core->in = memory_new(deployment->n_channels, sizeof(*core->in));
    core->out = memory_new(deployment->n_channels, sizeof(*core->out));
    for (size_t i = 0; i < deployment->n_channels; i++) {
        const struct deployment_channel *channel = &deployment->channels[i];

        if (core->n_in == CORE_CHANNELS_MAX || core->n_out == CORE_CHANNELS_MAX) {
            return error_set(err, -EINVAL, "stage '%s' has over %d channels",
                             config->stage->name, CORE_CHANNELS_MAX);
        }
        if (strcmp(channel->to_group, group) == 0) {
            config->in[core->n_in] = channel;
            core->in[core->n_in++] = (struct core_in_channel){
                .id = (uint16_t)channel->id,
                .credit = channel->credit,
                .group = name_index(from, channel->from_group),
            };
        } else if (strcmp(channel->from_group, group) == 0) {
            config->out[core->n_out] = channel;
            core->out[core->n_out++] = (struct core_out_channel){
                .id = (uint16_t)channel->id,
                .port = channel->from_port,
                .group = name_index(to, channel->to_group),
            };
        }
    }
    core->n_groups = to->n;
    return 0;
}

/* Every replica of the groups in `names` is a link. */
static unsigned take_links(const struct deployment *deployment, struct names *names,
                           const char ***ret_links, unsigned **ret_groups)
{
    unsigned n = 0;

    *ret_links = memory_new(deployment->n_stages, sizeof(**ret_links));
    *ret_groups = memory_new(deployment->n_stages, sizeof(**ret_groups));
    for (size_t i = 0; i < deployment->n_stages && n < CORE_LINKS_MAX; i++) {
        for (unsigned j = 0; j < names->n; j++) {
            if (strcmp(deployment->stages[i].group, names->names[j]) == 0) {
                (*ret_links)[n] = deployment->stages[i].name;
                (*ret_groups)[n++] = j;
            }
        }
    }
    return n;
}

static int operator_index(const struct stage_config *config, const char *name)
{
    for (unsigned i = 0; i < config->core.n_operators; i++) {
        if (strcmp(config->operators[i]->name, name) == 0) {
            return (int)i;
        }
    }
    return -1;
}

static int wire_input(struct stage_config *config, unsigned index, size_t input,
                      struct error *err)
{
    const struct deployment_operator *reader = config->operators[index];
    const struct deployment_channel *channel =
        deployment_channel(config->deployment, reader, input);
    struct core_input *place = &config->core.operators[index].inputs[input];
    int source = channel == NULL ? operator_index(config, reader->inputs[input].from)
                                 : stage_config_in_channel(config, channel->id);

    if (source < 0 || (channel == NULL && source >= (int)index)) {
        return error_set(err, -EINVAL, "operator '%s': nothing brings its input '%s'",
                         reader->name, reader->inputs[input].from);
    }
    *place = (struct core_input){
        .local = channel == NULL,
        .source = (unsigned)source,
        .port = reader->inputs[input].port,
    };
    return 0;
}

static int wire_operator(struct stage_config *config, unsigned index,
                         unsigned (*n_outputs)(void *owner, const char *use), void *owner,
                         struct error *err)
{
    const struct deployment_operator *reader = config->operators[index];
    struct core_operator *core = &config->core.operators[index];
    int r = 0;

    core->n_inputs = (unsigned)reader->n_inputs;
    core->n_outputs = n_outputs(owner, reader->use);
    core->source = core->n_inputs == 0;
    core->sink = core->n_outputs == 0;
    if (core->n_inputs > CORE_INPUTS_MAX || core->n_outputs > CORE_OUTPUTS_MAX) {
        return error_set(err, -EINVAL, "operator '%s' has over %d inputs or outputs",
                         reader->name, CORE_INPUTS_MAX);
    }
    for (size_t i = 0; i < reader->n_inputs && r == 0; i++) {
        r = wire_input(config, index, i, err);
        const struct core_input *input = &core->inputs[i];
        if (r == 0 && input->local &&
            input->port >= config->core.operators[input->source].n_outputs) {
            r = error_set(err, -EINVAL, "operator '%s' has no output port %u",
                          reader->inputs[i].from, input->port);
        }
    }
    return r;
}

static int wire_outputs(struct stage_config *config, struct error *err)
{
    for (unsigned i = 0; i < config->core.n_out; i++) {
        int index = operator_index(config, config->out[i]->from_operator);

        if (index < 0 || config->out[i]->from_port >= config->core.operators[index].n_outputs) {
            return error_set(err, -EINVAL, "channel %u: '%s' has no output port %u",
                             config->out[i]->id, config->out[i]->from_operator,
                             config->out[i]->from_port);
        }
        config->core.out[i].operator_id = (unsigned)index;
    }
    return 0;
}

int stage_config_create(const struct deployment *deployment, const char *stage,
                        unsigned (*n_outputs)(void *owner, const char *use), void *owner,
                        struct stage_config **ret_config, struct error *err)
{
    cleanup(stage_config_destroyp) struct stage_config *config = memory_new(1, sizeof(*config));
    struct names from = {0}, to = {0};

    config->deployment = deployment;
    config->stage = deployment_stage(deployment, stage);
    if (config->stage == NULL) {
        return error_set(err, -ENOENT, "the deployment has no stage '%s'", stage);
    }
    config->core.window = deployment->window;
    config->core.frames = CORE_ALL;
    config->core.workers = config->stage->workers;
    config->core.ordered = deployment_replicas(deployment, config->stage->group) == 1;
    int r = take_operators(config, err);
    if (r == 0) {
        r = take_channels(config, &from, &to, err);
    }
    for (unsigned i = 0; i < config->core.n_operators && r == 0; i++) {
        r = wire_operator(config, i, n_outputs, owner, err);
    }
    if (r == 0) {
        r = wire_outputs(config, err);
    }
    if (r < 0) {
        return r;
    }
    config->core.n_in_links =
        take_links(deployment, &from, &config->in_links, &config->core.in_link_group);
    config->core.n_out_links =
        take_links(deployment, &to, &config->out_links, &config->core.out_link_group);
    *ret_config = STEAL(config);
    return 0;
}

void stage_config_destroy(struct stage_config *config)
{
    if (config == NULL) {
        return;
    }
    free(config->core.operators);
    free(config->core.in);
    free(config->core.out);
    free(config->core.in_link_group);
    free(config->core.out_link_group);
    free(config->operators);
    free(config->in);
    free(config->out);
    free(config->in_links);
    free(config->out_links);
    free(config);
}

void stage_config_destroyp(struct stage_config **config)
{
    stage_config_destroy(*config);
}

static int link_index(const char *const *links, unsigned n, const char *stage)
{
    for (unsigned i = 0; i < n; i++) {
        if (strcmp(links[i], stage) == 0) {
            return (int)i;
        }
    }
    return -1;
}

int stage_config_in_link(const struct stage_config *config, const char *stage)
{
    return link_index(config->in_links, config->core.n_in_links, stage);
}

int stage_config_out_link(const struct stage_config *config, const char *stage)
{
    return link_index(config->out_links, config->core.n_out_links, stage);
}

int stage_config_in_channel(const struct stage_config *config, unsigned id)
{
    for (unsigned i = 0; i < config->core.n_in; i++) {
        if (config->in[i]->id == id) {
            return (int)i;
        }
    }
    return -1;
}

int stage_config_out_channel(const struct stage_config *config, unsigned id)
{
    for (unsigned i = 0; i < config->core.n_out; i++) {
        if (config->out[i]->id == id) {
            return (int)i;
        }
    }
    return -1;
}
