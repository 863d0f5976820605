/* The profile store in memory: a small table of what was measured. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/param.h"
#include "graph/graph.h"
#include "model/model.h"
#include "planner/profile_table.h"

#define SECONDS_MOST 86400
#define MEGABYTE     1e6

char *profile_subject(const struct graph *graph, size_t operator, const struct model * model)
{
    if (model != NULL) {
        return memory_format("model %016llx", (unsigned long long)model->hash);
    }
    cleanup(memory_free) uint64_t *hashes = memory_new(operator+ 1, sizeof(*hashes));
    XXH64_state_t *state = XXH64_createState();

    for (size_t i = 0; i <= operator; i++) {
        const struct graph_operator *one = &graph->operators[i];

        XXH64_reset(state, one->n_params);
        XXH64_update(state, one->type->name, strlen(one->type->name) + 1);
        for (size_t j = 0; j < one->n_params; j++) {
            const struct brume_param *param = one->type->params;

            while (param != NULL && param->name != NULL &&
                   strcmp(param->name, one->params[j].name) != 0) {
                param++;
            }
            if (param == NULL || param->name == NULL || !param_is_written(param)) {
                XXH64_update(state, one->params[j].name, strlen(one->params[j].name) + 1);
                XXH64_update(state, one->params[j].value, strlen(one->params[j].value) + 1);
            }
        }
        for (size_t j = 0; j < one->n_inputs; j++) {
            uint64_t input[2] = {hashes[one->inputs[j].operator], one->inputs[j].port };

            XXH64_update(state, input, sizeof(input));
        }
        hashes[i] = XXH64_digest(state);
    }
    XXH64_freeState(state);
    return memory_format("%s %016llx", graph->operators[operator].type->name,
                         (unsigned long long)hashes[operator]);
}

struct profile_entry *profile_entry_find(const struct profile_store *store,
                                         struct profile_key key)
{
    for (size_t i = 0; i < store->n; i++) {
        const struct profile *profile = &store->entries[i]->profile;

        if (strcmp(profile->subject, key.subject) == 0 &&
            strcmp(profile->type, key.type) == 0 &&
            strcmp(profile->engine, key.engine == NULL ? "" : key.engine) == 0) {
            return store->entries[i];
        }
    }
    return NULL;
}

void profile_entry_free(struct profile_entry *entry)
{
    if (entry != NULL) {
        free(entry->profile.subject);
        free(entry->profile.type);
        free(entry->profile.engine);
        free(entry->profile.segments);
        free(entry->profile.packings);
        free(entry);
    }
}

struct profile_entry *profile_entry_add(struct profile_store *store, struct profile_key key)
{
    struct profile_entry *entry = profile_entry_find(store, key);

    if (entry != NULL || store->n == PROFILE_STORE_MAX) {
        return entry;
    }
    entry = memory_new(1, sizeof(*entry));
    entry->profile.subject = memory_text(key.subject);
    entry->profile.type = memory_text(key.type);
    entry->profile.engine = memory_text(key.engine == NULL ? "" : key.engine);
    store->entries = memory_grow(store->entries, store->n, sizeof(struct profile_entry *));
    store->entries[store->n++] = entry;
    return entry;
}

const struct profile *profile_find(const struct profile_store *store, struct profile_key key)
{
    const struct profile_entry *entry = store == NULL ? NULL : profile_entry_find(store, key);

    return entry == NULL ? NULL : &entry->profile;
}

static struct profile_segment *segment_find(const struct profile *profile, unsigned from,
                                            unsigned to)
{
    for (size_t i = 0; i < profile->n_segments; i++) {
        if (profile->segments[i].from == from && profile->segments[i].to == to) {
            return &profile->segments[i];
        }
    }
    return NULL;
}

const struct profile_segment *profile_lookup(const struct profile_store *store,
                                             struct profile_key key, unsigned from, unsigned to)
{
    const struct profile *profile = profile_find(store, key);

    return profile == NULL ? NULL : segment_find(profile, from, to);
}

/* from = to = 0 stands for an operator that is no model; else from < to. */
bool profile_segment_valid(const struct profile_segment *segment)
{
    bool whole = segment->from == 0 && segment->to == 0;

    return isfinite(segment->cpu_seconds) && segment->cpu_seconds >= 0 &&
           segment->cpu_seconds <= SECONDS_MOST && (segment->runs > 0 || segment->memory > 0) &&
           segment->runs <= PROFILE_RUNS_MOST && segment->to <= PROFILE_CUT_MOST &&
           (whole || segment->from < segment->to);
}

int profile_segment_add(struct profile *profile, const struct profile_segment *segment)
{
    struct profile_segment *old = segment_find(profile, segment->from, segment->to);

    if (old == NULL) {
        if (profile->n_segments == PROFILE_SEGMENTS_MAX) {
            return -ENOSPC;
        }
        profile->segments =
            memory_grow(profile->segments, profile->n_segments, sizeof(*profile->segments));
        profile->segments[profile->n_segments++] = *segment;
        return 0;
    }
    if (segment->runs >= old->runs) {
        uint64_t memory = segment->memory > 0 ? segment->memory : old->memory;

        *old = *segment;
        old->memory = memory;
        return 0;
    }
    unsigned runs = old->runs + segment->runs; /* more than 0, or it was replaced */

    old->cpu_seconds =
        (old->cpu_seconds * old->runs + segment->cpu_seconds * segment->runs) / runs;
    old->memory = segment->memory > old->memory ? segment->memory : old->memory;
    old->runs = runs < PROFILE_RUNS_MOST ? runs : PROFILE_RUNS_MOST;
    return 0;
}

int profile_record(struct profile_store *store, struct profile_key key,
                   const struct profile_segment *segment, struct error *err)
{
    if (!profile_segment_valid(segment)) {
        return error_set(err, -EINVAL, "%s: %g s for layers %u to %u is no measurement",
                         key.subject, segment->cpu_seconds, segment->from, segment->to);
    }
    struct profile_entry *entry = profile_entry_add(store, key);

    if (entry == NULL || profile_segment_add(&entry->profile, segment) < 0) {
        return error_set(err, -ENOSPC, "%s: the profile store is full", key.subject);
    }
    entry->changed = true;
    return 0;
}

int profile_record_outputs(struct profile_store *store, struct profile_key key, size_t n,
                           const uint64_t *outputs, struct error *err)
{
    if (n > PROFILE_OUTPUTS_MAX) {
        return error_set(err, -EINVAL, "%s: %zu output ports are too many", key.subject, n);
    }
    struct profile_entry *entry = profile_entry_add(store, key);

    if (entry == NULL) {
        return error_set(err, -ENOSPC, "%s: the profile store is full", key.subject);
    }
    entry->profile.n_outputs = n;
    memcpy(entry->profile.outputs, outputs, n * sizeof(*outputs));
    entry->changed = true;
    return 0;
}

size_t profile_store_damaged(const struct profile_store *store)
{
    return store->n_damaged;
}

void profile_store_forget(struct profile_store *store)
{
    for (size_t i = 0; i < store->n; i++) {
        profile_entry_free(store->entries[i]);
    }
    store->n = 0;
}

void profile_store_close(struct profile_store *store)
{
    if (store == NULL) {
        return;
    }
    profile_store_forget(store);
    free(store->entries);
    free(store->folder);
    free(store);
}

void profile_store_closep(struct profile_store **store)
{
    profile_store_close(*store);
    *store = NULL;
}

/* Kept like an operator that takes so many seconds for a megabyte. */
static struct profile_key link_key(const char *type)
{
    return (struct profile_key){.subject = "link", .type = type, .engine = ""};
}

int profile_record_link(struct profile_store *store, const char *type, double rate,
                        struct error *err)
{
    const struct profile_segment segment = {.cpu_seconds = MEGABYTE / rate, .runs = 1};

    return profile_record(store, link_key(type), &segment, err);
}

double profile_link(const struct profile_store *store, const char *type)
{
    const struct profile_segment *segment = profile_lookup(store, link_key(type), 0, 0);

    return segment != NULL && segment->cpu_seconds > 0 ? MEGABYTE / segment->cpu_seconds : 0;
}
