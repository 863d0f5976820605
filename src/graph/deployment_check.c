#include "graph/deployment_check.h"

#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"

enum { NAME_LENGTH_MAX = 253 };

/* Group names are for machines: anything that is not empty and short. */
static bool is_name(const char *text)
{
    return *text != '\0' && strnlen(text, NAME_LENGTH_MAX + 1) <= NAME_LENGTH_MAX;
}

static int check_range(const char *what, const char *name, unsigned number, unsigned most,
                       struct error *err)
{
    if (number == 0 || number > most) {
        return error_set(err, -EINVAL, "deployment: %s of '%.64s' must be 1 to %u, not %u",
                         what, name, most, number);
    }
    return 0;
}

static size_t count_group(const struct deployment *deployment, const char *group)
{
    size_t n = 0;

    for (size_t i = 0; i < deployment->n_operators; i++) {
        n += strcmp(deployment->operators[i].group, group) == 0 ? 1 : 0;
    }
    return n;
}

static int check_operator_names(const struct deployment *deployment, size_t index,
                                struct error *err)
{
    const struct deployment_operator *step = &deployment->operators[index];

    if (!is_name(step->name) || !is_name(step->origin) || !is_name(step->use) ||
        !is_name(step->group)) {
        return error_set(err, -EINVAL,
                         "deployment: operator %zu has a name, origin, use or group that is "
                         "empty or too long",
                         index);
    }
    if (deployment_operator(deployment, step->name) != step) {
        return error_set(err, -EINVAL, "deployment: two operators are called '%.64s'",
                         step->name);
    }
    for (size_t i = 0; i < step->n_params; i++) {
        if (!is_name(step->params[i].name)) {
            return error_set(err, -EINVAL,
                             "deployment: operator '%.64s' has a parameter without a name",
                             step->name);
        }
    }
    return 0;
}

/* An input comes from an operator further up, over a channel exactly if the groups differ. */
static int check_inputs(const struct deployment *deployment, size_t index, struct error *err)
{
    const struct deployment_operator *step = &deployment->operators[index];

    if (step->n_inputs > DEPLOYMENT_INPUTS_MAX) {
        return error_set(err, -EINVAL, "deployment: operator '%.64s' has more than %d inputs",
                         step->name, DEPLOYMENT_INPUTS_MAX);
    }
    for (size_t i = 0; i < step->n_inputs; i++) {
        const struct deployment_operator *from =
            deployment_operator(deployment, step->inputs[i].from);
        if (from == NULL || from >= step) {
            return error_set(err, -EINVAL,
                             "deployment: '%.64s' reads '%.64s', which is not an operator "
                             "before it",
                             step->name, step->inputs[i].from);
        }
        bool local = strcmp(from->group, step->group) == 0;
        bool has_channel = deployment_channel(deployment, step, i) != NULL;
        if (local == has_channel) {
            return error_set(err, -EINVAL,
                             "deployment: '%.64s' reads '%.64s' in %s, but there is %s channel",
                             step->name, from->name, local ? "its own group" : "another group",
                             local ? "a" : "no");
        }
    }
    return 0;
}

static int check_stage(const struct deployment *deployment, size_t index, struct error *err)
{
    const struct deployment_stage *stage = &deployment->stages[index];

    if (!text_is_label(stage->name) || !is_name(stage->device)) {
        return error_set(err, -EINVAL,
                         "deployment: stage '%.64s' on '%.64s': not a name (a-z, 0-9, -)",
                         stage->name, stage->device);
    }
    if (deployment_stage(deployment, stage->name) != stage) {
        return error_set(err, -EINVAL, "deployment: two stages are called '%s'", stage->name);
    }
    if (count_group(deployment, stage->group) == 0) {
        return error_set(err, -EINVAL,
                         "deployment: stage '%s' is of group '%.64s', which has "
                         "no operators",
                         stage->name, stage->group);
    }
    return check_range("workers", stage->name, stage->workers, DEPLOYMENT_WORKERS_MAX, err);
}

static bool is_read(const struct deployment *deployment,
                    const struct deployment_channel *channel)
{
    for (size_t i = 0; i < deployment->n_operators; i++) {
        const struct deployment_operator *step = &deployment->operators[i];
        bool inside = strcmp(step->group, channel->to_group) == 0;
        for (size_t k = 0; inside && k < step->n_inputs; k++) {
            if (step->inputs[k].port == channel->from_port &&
                strcmp(step->inputs[k].from, channel->from_operator) == 0) {
                return true;
            }
        }
    }
    return false;
}

static int check_channel_is_new(const struct deployment *deployment, size_t index,
                                struct error *err)
{
    const struct deployment_channel *channel = &deployment->channels[index];

    for (size_t i = 0; i < index; i++) {
        const struct deployment_channel *other = &deployment->channels[i];
        if (other->id == channel->id) {
            return error_set(err, -EINVAL, "deployment: two channels have the number %u",
                             channel->id);
        }
        if (other->from_port == channel->from_port &&
            strcmp(other->from_operator, channel->from_operator) == 0 &&
            strcmp(other->to_group, channel->to_group) == 0) {
            return error_set(err, -EINVAL, "deployment: channels %u and %u carry the same",
                             other->id, channel->id);
        }
    }
    return 0;
}

static int check_channel(const struct deployment *deployment, size_t index, struct error *err)
{
    const struct deployment_channel *channel = &deployment->channels[index];
    const struct deployment_operator *from =
        deployment_operator(deployment, channel->from_operator);

    int code = check_range("number", "a channel", channel->id, UINT16_MAX, err);
    if (code < 0) {
        return code;
    }
    if (from == NULL || strcmp(from->group, channel->from_group) != 0) {
        return error_set(err, -EINVAL,
                         "deployment: channel %u: group '%.64s' has no operator "
                         "'%.64s'",
                         channel->id, channel->from_group, channel->from_operator);
    }
    code = check_channel_is_new(deployment, index, err);
    if (code < 0) {
        return code;
    }
    if (!is_read(deployment, channel)) {
        return error_set(err, -EINVAL, "deployment: channel %u to '%.64s' is read by nobody",
                         channel->id, channel->to_group);
    }
    return check_range("credit", channel->from_operator, channel->credit, DEPLOYMENT_CREDIT_MAX,
                       err);
}

static int check_groups(const struct deployment *deployment, struct error *err)
{
    size_t n_groups = 0;

    for (size_t i = 0; i < deployment->n_operators; i++) {
        const char *group = deployment->operators[i].group;
        size_t replicas = deployment_replicas(deployment, group), first = 0;
        if (replicas == 0 || replicas > DEPLOYMENT_REPLICAS_MAX) {
            return error_set(err, -EINVAL,
                             "deployment: group '%.64s' must have 1 to %d stages, not %zu",
                             group, DEPLOYMENT_REPLICAS_MAX, replicas);
        }
        while (strcmp(deployment->operators[first].group, group) != 0) {
            first++;
        }
        n_groups += first == i ? 1 : 0;
    }
    if (n_groups > DEPLOYMENT_GROUPS_MAX) {
        return error_set(err, -EINVAL, "deployment: more than %d groups",
                         DEPLOYMENT_GROUPS_MAX);
    }
    return 0;
}

int deployment_check(const struct deployment *deployment, struct error *err)
{
    int code = 0;

    if (!text_is_label(deployment->application) || deployment->n_operators == 0) {
        return error_set(err, -EINVAL, "deployment: without operators or a proper name");
    }
    code = check_range("window", deployment->application, deployment->window,
                       DEPLOYMENT_WINDOW_MAX, err);
    for (size_t i = 0; i < deployment->n_operators && code == 0; i++) {
        code = check_operator_names(deployment, i, err);
    }
    for (size_t i = 0; i < deployment->n_stages && code == 0; i++) {
        code = check_stage(deployment, i, err);
    }
    if (code == 0) {
        code = check_groups(deployment, err);
    }
    for (size_t i = 0; i < deployment->n_operators && code == 0; i++) {
        code = check_inputs(deployment, i, err);
    }
    for (size_t i = 0; i < deployment->n_channels && code == 0; i++) {
        code = check_channel(deployment, i, err);
    }
    return code;
}
