#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "controller/tally_state.h"

enum { WARN_EVERY = 1000 };

static struct refusals *find(struct tally *tally, const char *origin)
{
    for (size_t i = 0; i < tally->n_refusals; i++) {
        if (strcmp(tally->refusals[i].origin, origin) == 0) {
            return &tally->refusals[i];
        }
    }
    tally->refusals = memory_grow(tally->refusals, tally->n_refusals, sizeof(*tally->refusals));
    tally->refusals[tally->n_refusals] = (struct refusals){.origin = origin};
    return &tally->refusals[tally->n_refusals++];
}

void tally_take_refused(struct tally *tally, struct member *member, const json_t *entry)
{
    const struct deployment *deployment = tally->deployment;
    const char *name = json_string_value(json_object_get(entry, "name"));
    const json_t *refused = json_object_get(entry, "refused");
    const char *first = json_string_value(json_object_get(refused, "first"));
    const char *last = json_string_value(json_object_get(refused, "last"));
    const struct deployment_operator *of =
        name != NULL ? deployment_operator(deployment, name) : NULL;

    if (of != NULL) {
        member->left_out[of - deployment->operators].now = json_count(entry, "left_out");
    }
    if (of == NULL || first == NULL || last == NULL) {
        return;
    }
    struct refusals *refusals = find(tally, of->origin);
    member->refused[of - deployment->operators].now = json_count(entry, "errors");
    if (refusals->first == NULL) {
        refusals->first = memory_text(first);
    }
    free(refusals->last);
    refusals->last = memory_text(last);
}

static uint64_t count(const struct tally *tally, const struct refusals *refusals)
{
    const struct deployment *deployment = tally->deployment;
    uint64_t sum = 0;

    for (size_t i = 0; i < deployment->n_operators; i++) {
        if (strcmp(deployment->operators[i].origin, refusals->origin) != 0) {
            continue;
        }
        for (size_t j = 0; j < deployment->n_stages; j++) {
            sum += count_total(&tally->members[j].refused[i]);
        }
    }
    return sum;
}

uint64_t tally_refused(const struct tally *tally)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < tally->n_refusals; i++) {
        sum += count(tally, &tally->refusals[i]);
    }
    return sum;
}

char *tally_warning(struct tally *tally)
{
    for (size_t i = 0; i < tally->n_refusals; i++) {
        struct refusals *refusals = &tally->refusals[i];
        uint64_t n = count(tally, refusals), told = refusals->told;

        if (n == 0 || (told > 0 && n / WARN_EVERY <= told / WARN_EVERY)) {
            continue;
        }
        refusals->told = n;
        return told == 0
                   ? memory_format("'%s' refused a frame: %s", refusals->origin,
                                   refusals->first)
                   : memory_format("'%s' has refused %llu frames; the last: %s",
                                   refusals->origin, (unsigned long long)n, refusals->last);
    }
    return NULL;
}

json_t *tally_final_refused(const struct tally *tally)
{
    json_t *list = json_array();

    for (size_t i = 0; i < tally->n_refusals; i++) {
        const struct refusals *refusals = &tally->refusals[i];

        json_array_append_new(list, json_pack("{sssIss}", "operator", refusals->origin,
                                              "frames", (json_int_t)count(tally, refusals),
                                              "first", refusals->first));
    }
    return list;
}

static bool is_first_of_its_origin(const struct deployment *deployment, size_t index)
{
    for (size_t i = 0; i < index; i++) {
        if (strcmp(deployment->operators[i].origin, deployment->operators[index].origin) == 0) {
            return false;
        }
    }
    return true;
}

static uint64_t count_left_out(const struct tally *tally, const char *origin)
{
    const struct deployment *deployment = tally->deployment;
    uint64_t sum = 0;

    for (size_t i = 0; i < deployment->n_operators; i++) {
        bool is_one = strcmp(deployment->operators[i].origin, origin) == 0;

        for (size_t j = 0; is_one && j < deployment->n_stages; j++) {
            sum += count_total(&tally->members[j].left_out[i]);
        }
    }
    return sum;
}

json_t *tally_final_left_out(const struct tally *tally)
{
    const struct deployment *deployment = tally->deployment;
    json_t *list = json_array();

    for (size_t i = 0; i < deployment->n_operators; i++) {
        const char *origin = deployment->operators[i].origin;
        uint64_t n = is_first_of_its_origin(deployment, i) ? count_left_out(tally, origin) : 0;

        if (n > 0) {
            json_array_append_new(
                list, json_pack("{sssI}", "operator", origin, "count", (json_int_t)n));
        }
    }
    return list;
}
