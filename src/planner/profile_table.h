/* The table behind a profile store. Private to profile.c and profile_file.c. */
#ifndef PLANNER_PROFILE_TABLE_H
#define PLANNER_PROFILE_TABLE_H

#include <stdbool.h>

#include "planner/profile.h"

enum {
    PROFILE_CUT_MOST = 1 << 20,
    PROFILE_RUNS_MOST = 1000000,
};

struct profile_entry {
    struct profile profile;
    bool changed;
};

struct profile_store {
    char *folder;
    size_t n, n_damaged;
    struct profile_entry **entries;
};

/* The entry of a key; add makes it, or gives NULL when the store is full. */
struct profile_entry *profile_entry_find(const struct profile_store *store,
                                         struct profile_key key);
struct profile_entry *profile_entry_add(struct profile_store *store, struct profile_key key);
void profile_entry_free(struct profile_entry *entry);

bool profile_segment_valid(const struct profile_segment *segment);
int profile_segment_add(struct profile *profile, const struct profile_segment *segment);
bool profile_packing_valid(const struct profile_packing *packing);
int profile_packing_add(struct profile *profile, const struct profile_packing *packing);

#endif
