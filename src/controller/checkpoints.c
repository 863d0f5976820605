#include "controller/checkpoints.h"

#include <string.h>

static bool is_newer(const json_t *kept, const char *name, json_int_t mark)
{
    const json_t *before = json_object_get(kept, name);

    return before == NULL || mark >= json_integer_value(json_object_get(before, "mark"));
}

json_t *checkpoints_take(json_t *kept, const struct deployment *deployment, const char *group,
                         const json_t *message)
{
    const char *name = json_string_value(json_object_get(message, "operator"));
    json_t *data = json_object_get(message, "data");
    json_int_t mark = json_integer_value(json_object_get(message, "mark"));
    const struct deployment_operator *known =
        name == NULL ? NULL : deployment_operator(deployment, name);

    if (kept == NULL || known == NULL || strcmp(known->group, group) != 0 || mark <= 0) {
        return NULL;
    }
    if (!json_is_string(data)) {
        json_object_del(kept, name);
    } else if (is_newer(kept, name, mark)) {
        json_object_set_new(kept, name, json_pack("{sIsO}", "mark", mark, "data", data));
    }
    return json_pack("{sssssI}", "type", "kept", "operator", name, "mark", mark);
}

json_t *checkpoints_of(const json_t *kept, const struct deployment *deployment,
                       const char *group)
{
    json_t *found = kept != NULL ? json_object() : NULL;

    for (size_t i = 0; i < deployment->n_operators; i++) {
        const struct deployment_operator *each = &deployment->operators[i];
        json_t *checkpoint = json_object_get(kept, each->name);

        if (checkpoint != NULL && strcmp(each->group, group) == 0) {
            json_object_set(found, each->name, checkpoint);
        }
    }
    return found;
}
