/* Puts `pack` and `unpack` at the two ends of the channels that a plan wants packed. */
#include "planner/deploy_pack.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "graph/deployment.h"

static size_t find(const struct deployment *deployment, const char *name)
{
    size_t i = 0;

    while (i < deployment->n_operators && strcmp(deployment->operators[i].name, name) != 0) {
        i++;
    }
    return i;
}

/* Makes room for an operator at `at`, behind all that it reads. */
static struct deployment_operator *insert(struct deployment *deployment, size_t at)
{
    size_t n = deployment->n_operators;
    struct deployment_operator *wider = memory_new(n + 1, sizeof(*wider));

    memcpy(wider, deployment->operators, at * sizeof(*wider));
    memcpy(wider + at + 1, deployment->operators + at, (n - at) * sizeof(*wider));
    free(deployment->operators);
    deployment->operators = wider;
    deployment->n_operators = n + 1;
    return wider + at;
}

static void fill(struct deployment_operator *step, const char *use, const char *group,
                 const char *from, unsigned port)
{
    step->use = memory_text(use);
    step->group = memory_text(group);
    step->n_inputs = 1;
    step->inputs = memory_new(1, sizeof(*step->inputs));
    step->inputs[0] = (struct deployment_input){memory_text(from), port};
}

static void add_pack(struct deployment *deployment, const struct deployment_channel *channel,
                     const char *name, const char *codec)
{
    size_t from = find(deployment, channel->from_operator);
    char *origin = memory_text(deployment->operators[from].origin);
    struct deployment_operator *pack = insert(deployment, from + 1);

    fill(pack, "pack", channel->from_group, channel->from_operator, channel->from_port);
    pack->name = memory_text(name);
    pack->origin = origin;
    pack->n_params = 1;
    pack->params = memory_new(1, sizeof(*pack->params));
    pack->params[0] = (struct deployment_param){memory_text("codec"), memory_text(codec)};
}

static bool reads(const struct deployment_operator *step, const char *group, const char *from,
                  unsigned port)
{
    bool found = false;

    for (size_t i = 0; i < step->n_inputs && strcmp(step->group, group) == 0; i++) {
        found =
            found || (strcmp(step->inputs[i].from, from) == 0 && step->inputs[i].port == port);
    }
    return found;
}

/* Those of the receiving group read what is unpacked. */
static void add_unpack(struct deployment *deployment, const struct deployment_channel *channel,
                       const char *pack)
{
    cleanup(memory_free) char *name = memory_format("%s-at-%s", pack, channel->to_group);
    size_t first = 0;

    while (!reads(&deployment->operators[first], channel->to_group, channel->from_operator,
                  channel->from_port)) {
        first++;
    }
    char *origin = memory_text(deployment->operators[first].origin);
    struct deployment_operator *unpack = insert(deployment, first);
    fill(unpack, "unpack", channel->to_group, pack, 0);
    unpack->name = memory_text(name);
    unpack->origin = origin;
    for (size_t i = first + 1; i < deployment->n_operators; i++) {
        struct deployment_operator *step = &deployment->operators[i];

        for (size_t j = 0; j < step->n_inputs && strcmp(step->group, channel->to_group) == 0;
             j++) {
            struct deployment_input *input = &step->inputs[j];

            if (strcmp(input->from, channel->from_operator) == 0 &&
                input->port == channel->from_port) {
                free(input->from);
                *input = (struct deployment_input){memory_text(name), 0};
            }
        }
    }
}

/* "detect#0-f16-zstd"; of another port than the first "route-1-zstd". */
static char *pack_name(const struct deployment_channel *channel, const char *codec)
{
    char *name = channel->from_port == 0 ? memory_format("%s-%s", channel->from_operator, codec)
                                         : memory_format("%s-%u-%s", channel->from_operator,
                                                         channel->from_port, codec);

    for (char *at = name; (at = strchr(at, '+')) != NULL;) {
        *at = '-';
    }
    return name;
}

void deploy_pack(struct deployment *deployment, size_t index, const char *codec)
{
    struct deployment_channel *channel = &deployment->channels[index];
    cleanup(memory_free) char *name = pack_name(channel, codec);

    if (find(deployment, name) == deployment->n_operators) {
        add_pack(deployment, channel, name, codec);
    }
    add_unpack(deployment, channel, name);
    free(channel->from_operator);
    channel->from_operator = memory_text(name);
    channel->from_port = 0;
}
