/* A deployment as JSON: objects with the names of the structures' fields. Unknown keys are
 * passed over, so that a newer controller can talk to an older stage.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "graph/deployment.h"
#include "graph/deployment_check.h"

enum { WHERE_SIZE = 48 };

static json_t *operator_to_json(const struct deployment_operator *step)
{
    json_t *params = json_array(), *inputs = json_array();

    for (size_t i = 0; i < step->n_params; i++) {
        json_array_append_new(params, json_pack("{s:s, s:s}", "name", step->params[i].name,
                                                "value", step->params[i].value));
    }
    for (size_t i = 0; i < step->n_inputs; i++) {
        json_array_append_new(inputs, json_pack("{s:s, s:I}", "from", step->inputs[i].from,
                                                "port", (json_int_t)step->inputs[i].port));
    }
    return json_pack("{s:s, s:s, s:s, s:s, s:o, s:o}", "name", step->name, "origin",
                     step->origin, "use", step->use, "group", step->group, "params", params,
                     "inputs", inputs);
}

json_t *deployment_to_json(const struct deployment *deployment)
{
    json_t *operators = json_array(), *stages = json_array(), *channels = json_array();

    for (size_t i = 0; i < deployment->n_operators; i++) {
        json_array_append_new(operators, operator_to_json(&deployment->operators[i]));
    }
    for (size_t i = 0; i < deployment->n_stages; i++) {
        const struct deployment_stage *stage = &deployment->stages[i];
        json_array_append_new(stages,
                              json_pack("{s:s, s:s, s:s, s:s*, s:I}", "name", stage->name,
                                        "group", stage->group, "device", stage->device, "image",
                                        stage->image, "workers", (json_int_t)stage->workers));
    }
    for (size_t i = 0; i < deployment->n_channels; i++) {
        const struct deployment_channel *channel = &deployment->channels[i];
        json_array_append_new(
            channels,
            json_pack("{s:I, s:s, s:I, s:s, s:s, s:I}", "id", (json_int_t)channel->id,
                      "from_operator", channel->from_operator, "from_port",
                      (json_int_t)channel->from_port, "from_group", channel->from_group,
                      "to_group", channel->to_group, "credit", (json_int_t)channel->credit));
    }
    return json_pack("{s:s, s:I, s:o, s:o, s:o}", "application", deployment->application,
                     "window", (json_int_t)deployment->window, "operators", operators, "stages",
                     stages, "channels", channels);
}

static int read_text(const json_t *json, const char *where, const char *key, char **ret_text,
                     struct error *err)
{
    const char *text = NULL;

    int code = json_read_text(json, where, key, &text, err);
    if (code == 0) {
        *ret_text = memory_text(text);
    }
    return code;
}

static int read_number(const json_t *json, const char *where, const char *key, unsigned most,
                       unsigned *ret_number, struct error *err)
{
    uint64_t number = 0;

    int code = json_read_count(json, where, key, most, &number, err);
    if (code == 0) {
        *ret_number = (unsigned)number;
    }
    return code;
}

static int read_params(const json_t *json, const char *where, struct deployment_operator *step,
                       struct error *err)
{
    json_t *params = NULL;

    int code = json_read_objects(json, where, "params", DEPLOYMENT_PARAMS_MAX, &params, err);
    if (code < 0) {
        return code;
    }
    step->params = memory_new(json_array_size(params), sizeof(*step->params));
    for (size_t i = 0; i < json_array_size(params); i++) {
        struct deployment_param *param = &step->params[step->n_params++];
        const json_t *item = json_array_get(params, i);
        if ((code = read_text(item, where, "name", &param->name, err)) < 0 ||
            (code = read_text(item, where, "value", &param->value, err)) < 0) {
            return code;
        }
    }
    return 0;
}

static int read_inputs(const json_t *json, const char *where, struct deployment_operator *step,
                       struct error *err)
{
    json_t *inputs = NULL;

    int code = json_read_objects(json, where, "inputs", DEPLOYMENT_INPUTS_MAX, &inputs, err);
    if (code < 0) {
        return code;
    }
    step->inputs = memory_new(json_array_size(inputs), sizeof(*step->inputs));
    for (size_t i = 0; i < json_array_size(inputs); i++) {
        struct deployment_input *input = &step->inputs[step->n_inputs++];
        const json_t *item = json_array_get(inputs, i);
        if ((code = read_text(item, where, "from", &input->from, err)) < 0 ||
            (code = read_number(item, where, "port", DEPLOYMENT_PORTS_MAX - 1, &input->port,
                                err)) < 0) {
            return code;
        }
    }
    return 0;
}

static int read_operators(const json_t *json, struct deployment *deployment, struct error *err)
{
    json_t *array = NULL;

    int code = json_read_objects(json, "deployment", "operators", DEPLOYMENT_OPERATORS_MAX,
                                 &array, err);
    if (code < 0) {
        return code;
    }
    deployment->operators = memory_new(json_array_size(array), sizeof(*deployment->operators));
    for (size_t i = 0; i < json_array_size(array); i++) {
        struct deployment_operator *step = &deployment->operators[deployment->n_operators++];
        const json_t *item = json_array_get(array, i);
        char where[WHERE_SIZE];
        snprintf(where, sizeof(where), "deployment: operators[%zu]", i);
        if ((code = read_text(item, where, "name", &step->name, err)) < 0 ||
            (code = read_text(item, where, "origin", &step->origin, err)) < 0 ||
            (code = read_text(item, where, "use", &step->use, err)) < 0 ||
            (code = read_text(item, where, "group", &step->group, err)) < 0 ||
            (code = read_params(item, where, step, err)) < 0 ||
            (code = read_inputs(item, where, step, err)) < 0) {
            return code;
        }
    }
    return 0;
}

static int read_stages(const json_t *json, struct deployment *deployment, struct error *err)
{
    json_t *array = NULL;

    int code =
        json_read_objects(json, "deployment", "stages", DEPLOYMENT_STAGES_MAX, &array, err);
    if (code < 0) {
        return code;
    }
    deployment->stages = memory_new(json_array_size(array), sizeof(*deployment->stages));
    for (size_t i = 0; i < json_array_size(array); i++) {
        struct deployment_stage *stage = &deployment->stages[deployment->n_stages++];
        const json_t *item = json_array_get(array, i);
        char where[WHERE_SIZE];
        snprintf(where, sizeof(where), "deployment: stages[%zu]", i);
        if ((code = read_text(item, where, "name", &stage->name, err)) < 0 ||
            (code = read_text(item, where, "group", &stage->group, err)) < 0 ||
            (code = read_text(item, where, "device", &stage->device, err)) < 0 ||
            (code = read_number(item, where, "workers", DEPLOYMENT_WORKERS_MAX, &stage->workers,
                                err)) < 0) {
            return code;
        }
        const char *image = json_string_value(json_object_get(item, "image"));
        stage->image = image != NULL ? memory_text(image) : NULL;
    }
    return 0;
}

static int read_channel(const json_t *json, const char *where,
                        struct deployment_channel *channel, struct error *err)
{
    int code = 0;

    if ((code = read_number(json, where, "id", UINT16_MAX, &channel->id, err)) < 0 ||
        (code = read_text(json, where, "from_operator", &channel->from_operator, err)) < 0 ||
        (code = read_number(json, where, "from_port", DEPLOYMENT_PORTS_MAX - 1,
                            &channel->from_port, err)) < 0 ||
        (code = read_text(json, where, "from_group", &channel->from_group, err)) < 0 ||
        (code = read_text(json, where, "to_group", &channel->to_group, err)) < 0 ||
        (code = read_number(json, where, "credit", DEPLOYMENT_CREDIT_MAX, &channel->credit,
                            err)) < 0) {
        return code;
    }
    return 0;
}

static int read_channels(const json_t *json, struct deployment *deployment, struct error *err)
{
    json_t *array = NULL;

    int code =
        json_read_objects(json, "deployment", "channels", DEPLOYMENT_CHANNELS_MAX, &array, err);
    if (code < 0) {
        return code;
    }
    deployment->channels = memory_new(json_array_size(array), sizeof(*deployment->channels));
    for (size_t i = 0; i < json_array_size(array); i++) {
        char where[WHERE_SIZE];
        snprintf(where, sizeof(where), "deployment: channels[%zu]", i);
        code = read_channel(json_array_get(array, i), where,
                            &deployment->channels[deployment->n_channels++], err);
        if (code < 0) {
            return code;
        }
    }
    return 0;
}

int deployment_from_json(const json_t *json, struct deployment **ret_deployment,
                         struct error *err)
{
    cleanup(deployment_destroyp) struct deployment *deployment =
        memory_new(1, sizeof(*deployment));
    int code = 0;

    if (!json_is_object(json)) {
        return error_set(err, -EINVAL, "deployment: not a JSON object");
    }
    if ((code = read_text(json, "deployment", "application", &deployment->application, err)) <
            0 ||
        (code = read_number(json, "deployment", "window", DEPLOYMENT_WINDOW_MAX,
                            &deployment->window, err)) < 0 ||
        (code = read_operators(json, deployment, err)) < 0 ||
        (code = read_stages(json, deployment, err)) < 0 ||
        (code = read_channels(json, deployment, err)) < 0 ||
        (code = deployment_check(deployment, err)) < 0) {
        return code;
    }
    *ret_deployment = STEAL(deployment);
    return 0;
}
