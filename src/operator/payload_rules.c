/* What the manifest says of payloads: their schema, and the fields of a row. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "operator/payload.h"

enum { LIST_MAX = 256 };

/* Cuts the next element off a comma list, without the white space around it. */
static char *next_element(char **list)
{
    char *element = strsep(list, ",");

    if (element != NULL) {
        element += strspn(element, " ");
        for (size_t n = strlen(element); n > 0 && element[n - 1] == ' '; n--) {
            element[n - 1] = '\0';
        }
    }
    return element;
}

static int read_type(struct payload_rules *rules, char *element, struct error *err)
{
    char *colon = strrchr(element, ':');
    const char *kind = colon != NULL ? colon + 1 : "number";
    enum payload_kind wanted = PAYLOAD_ONLY_NUMBER;

    if (colon != NULL) {
        *colon = '\0';
    }
    if (strcmp(kind, "switch") == 0) {
        wanted = PAYLOAD_ONLY_SWITCH;
    } else if (strcmp(kind, "number") != 0) {
        return error_set(err, -EINVAL,
                         "'schema' must say number or switch for '%.64s', not '%.64s'", element,
                         kind);
    }
    if (*element == '\0' || strlen(element) > PAYLOAD_NAME_MAX) {
        return error_set(err, -EINVAL, "'schema' has a type without a name, or one over %d",
                         PAYLOAD_NAME_MAX);
    }
    if (rules->n_types == LIST_MAX) {
        return error_set(err, -EINVAL, "'schema' has over %d types", LIST_MAX);
    }
    rules->types = memory_grow(rules->types, rules->n_types, sizeof(*rules->types));
    rules->types[rules->n_types++] =
        (struct payload_type){.name = memory_text(element), .kind = wanted};
    return 0;
}

static enum payload_role role_of(const char *name)
{
    static const char *const names[] = {
        [PAYLOAD_TIME] = "time",
        [PAYLOAD_TYPE] = "type",
        [PAYLOAD_DEVICE] = "device",
        [PAYLOAD_VALUE] = "value",
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        if (strcmp(name, names[i]) == 0) {
            return (enum payload_role)i;
        }
    }
    return PAYLOAD_NAMED;
}

static int read_field(struct payload_rules *rules, const char *element, struct error *err)
{
    enum payload_role role = role_of(element);

    if (rules->n_fields == LIST_MAX) {
        return error_set(err, -EINVAL, "'fields' has over %d names", LIST_MAX);
    }
    if (*element == '\0' || strlen(element) > PAYLOAD_NAME_MAX) {
        return error_set(err, -EINVAL, "'fields' has an empty name, or one over %d",
                         PAYLOAD_NAME_MAX);
    }
    for (size_t i = 0; i < rules->n_fields; i++) {
        if (strcmp(rules->fields[i].name, element) == 0) {
            return error_set(err, -EINVAL, "'fields' has '%.64s' twice", element);
        }
    }
    rules->fields = memory_grow(rules->fields, rules->n_fields, sizeof(*rules->fields));
    rules->fields[rules->n_fields++] =
        (struct payload_field){.name = memory_text(element), .role = role};
    return 0;
}

static int check_fields(const struct payload_rules *rules, struct error *err)
{
    for (size_t i = 0; i < rules->n_fields; i++) {
        if (rules->fields[i].role >= PAYLOAD_VALUE) {
            return 0;
        }
    }
    return error_set(err, -EINVAL, "'fields' has no value: neither `value` nor a type's name");
}

static int read_lists(struct payload_rules *rules, char *schema, char *fields,
                      struct error *err)
{
    char *element;
    int ret = 0;

    while (ret == 0 && schema != NULL && (element = next_element(&schema)) != NULL) {
        ret = read_type(rules, element, err);
    }
    while (ret == 0 && (element = next_element(&fields)) != NULL) {
        ret = read_field(rules, element, err);
    }
    return ret < 0 ? ret : check_fields(rules, err);
}

int payload_rules_init(enum payload_format format, const char *schema, const char *fields,
                       struct payload_rules *ret_rules, struct error *err)
{
    cleanup(memory_free) char *types = *schema != '\0' ? memory_text(schema) : NULL;
    cleanup(memory_free) char *names = memory_text(fields);
    struct payload_rules rules = {.format = format};
    int ret = read_lists(&rules, types, names, err);

    if (ret < 0) {
        payload_rules_finish(&rules);
        return ret;
    }
    *ret_rules = rules;
    return 0;
}

void payload_rules_finish(struct payload_rules *rules)
{
    for (size_t i = 0; i < rules->n_types; i++) {
        free(rules->types[i].name);
    }
    for (size_t i = 0; i < rules->n_fields; i++) {
        free(rules->fields[i].name);
    }
    free(rules->types);
    free(rules->fields);
    *rules = (struct payload_rules){0};
}
