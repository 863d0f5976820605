/* What codecs make of tensors, as far as it was measured. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "planner/profile_table.h"

#define BYTE_SECONDS_MOST 1e-3
#define PART_MOST         2.0 /* of few bytes: a row is added to them */

/* Marks the operators that feed `operator`, itself included. */
static void mark_feeding(const struct graph *graph, size_t operator, bool * feeds)
{
    feeds[operator] = true;
    for (size_t i = operator+ 1; i-- > 0;) {
        const struct graph_operator *one = &graph->operators[i];

        for (size_t j = 0; feeds[i] && j < one->n_inputs; j++) {
            feeds[one->inputs[j].operator] = true;
        }
    }
}

char *profile_packing_subject(const struct graph *graph, size_t operator,
                              const struct model * model)
{
    char *subject = profile_subject(graph, operator, model);
    cleanup(memory_free) bool *feeds = memory_new(operator+ 1, sizeof(*feeds));

    mark_feeding(graph, operator, feeds);
    for (size_t i = 0; i < operator&& model != NULL; i++) {
        if (feeds[i] && graph->operators[i].n_inputs == 0) {
            char *longer = memory_format("%s of %s", subject, graph->operators[i].type->name);

            free(subject);
            subject = longer;
        }
    }
    return subject;
}

static struct profile_packing *find(const struct profile *profile, unsigned at,
                                    enum graph_codec codec)
{
    for (size_t i = 0; i < profile->n_packings; i++) {
        if (profile->packings[i].at == at && profile->packings[i].codec == codec) {
            return &profile->packings[i];
        }
    }
    return NULL;
}

const struct profile_packing *profile_packing(const struct profile_store *store,
                                              struct profile_key key, unsigned at,
                                              enum graph_codec codec)
{
    const struct profile *profile = profile_find(store, key);

    return profile == NULL ? NULL : find(profile, at, codec);
}

static bool between(double value, double least, double most)
{
    return isfinite(value) && value >= least && value <= most;
}

bool profile_packing_valid(const struct profile_packing *packing)
{
    return packing->at <= PROFILE_CUT_MOST && packing->codec > GRAPH_CODEC_NONE &&
           packing->codec < GRAPH_CODEC_END && between(packing->part, 0, PART_MOST) &&
           between(packing->pack, 0, BYTE_SECONDS_MOST) &&
           between(packing->unpack, 0, BYTE_SECONDS_MOST);
}

int profile_packing_add(struct profile *profile, const struct profile_packing *packing)
{
    struct profile_packing *old = find(profile, packing->at, packing->codec);

    if (old == NULL && profile->n_packings == PROFILE_PACKINGS_MAX) {
        return -ENOSPC;
    }
    if (old == NULL) {
        profile->packings =
            memory_grow(profile->packings, profile->n_packings, sizeof(*profile->packings));
        old = &profile->packings[profile->n_packings++];
    }
    *old = *packing;
    return 0;
}

int profile_record_packing(struct profile_store *store, struct profile_key key,
                           const struct profile_packing *packing, struct error *err)
{
    if (!profile_packing_valid(packing)) {
        return error_set(err, -EINVAL, "%s: %g of a byte in %g s is no measurement of a codec",
                         key.subject, packing->part, packing->pack);
    }
    struct profile_entry *entry = profile_entry_add(store, key);

    if (entry == NULL || profile_packing_add(&entry->profile, packing) < 0) {
        return error_set(err, -ENOSPC, "%s: the profile store is full", key.subject);
    }
    entry->changed = true;
    return 0;
}
