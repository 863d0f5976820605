/* The profile store on disk: one JSON file for each subject, type and engine.
 *
 * A file's name is the hash of its key; the key stands in the file as well and is compared, so
 * that a clash of hashes or a copied file gives a second measurement, never a wrong one.
 */
#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <xxhash.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "planner/profile_table.h"

enum {
    VERSION = 2,
    FILE_MOST = 1 << 20,
    TEXT_MOST = 512,
};

static const char *text_of(const json_t *json, const char *key)
{
    const json_t *value = json_object_get(json, key);

    return json_is_string(value) && json_string_length(value) <= TEXT_MOST
               ? json_string_value(value)
               : NULL;
}

/* A whole number that fits; UINT64_MAX: it is none. */
static uint64_t number_of(const json_t *json, uint64_t most)
{
    json_int_t value = json_is_integer(json) ? json_integer_value(json) : -1;

    return value >= 0 && (uint64_t)value <= most ? (uint64_t)value : UINT64_MAX;
}

static int segment_from_json(struct profile *profile, const json_t *json)
{
    uint64_t from = number_of(json_array_get(json, 0), PROFILE_CUT_MOST);
    uint64_t to = number_of(json_array_get(json, 1), PROFILE_CUT_MOST);
    const json_t *seconds = json_array_get(json, 2);
    uint64_t memory = number_of(json_array_get(json, 3), INT64_MAX);
    uint64_t runs = number_of(json_array_get(json, 4), PROFILE_RUNS_MOST);

    if (from > PROFILE_CUT_MOST || to > PROFILE_CUT_MOST || memory > INT64_MAX ||
        runs > PROFILE_RUNS_MOST || !json_is_number(seconds)) {
        return -EBADMSG;
    }
    struct profile_segment segment = {.from = (unsigned)from,
                                      .to = (unsigned)to,
                                      .cpu_seconds = json_number_value(seconds),
                                      .memory = memory,
                                      .runs = (unsigned)runs};

    return profile_segment_valid(&segment) ? profile_segment_add(profile, &segment) : -EBADMSG;
}

static int packing_from_json(struct profile *profile, const json_t *json)
{
    uint64_t at = number_of(json_array_get(json, 0), PROFILE_CUT_MOST);
    const char *codec = json_string_value(json_array_get(json, 1));
    struct profile_packing packing = {
        .at = (unsigned)at,
        .codec = codec != NULL ? graph_codec_of(codec) : GRAPH_CODEC_END,
        .part = json_number_value(json_array_get(json, 2)),
        .pack = json_number_value(json_array_get(json, 3)),
        .unpack = json_number_value(json_array_get(json, 4)),
    };

    return at <= PROFILE_CUT_MOST && profile_packing_valid(&packing)
               ? profile_packing_add(profile, &packing)
               : -EBADMSG;
}

/* A profile that has none is from before there were any. */
static int packings_from_json(struct profile *profile, const json_t *json)
{
    for (size_t i = 0; i < json_array_size(json); i++) {
        if (packing_from_json(profile, json_array_get(json, i)) < 0) {
            return -EBADMSG;
        }
    }
    return 0;
}

static int profile_from_json(struct profile *profile, const json_t *json)
{
    const json_t *segments = json_object_get(json, "segments");
    const json_t *outputs = json_object_get(json, "outputs");

    if (!json_is_array(segments) || !json_is_array(outputs) ||
        json_array_size(segments) > PROFILE_SEGMENTS_MAX ||
        json_array_size(outputs) > PROFILE_OUTPUTS_MAX) {
        return -EBADMSG;
    }
    for (size_t i = 0; i < json_array_size(segments); i++) {
        if (segment_from_json(profile, json_array_get(segments, i)) < 0) {
            return -EBADMSG;
        }
    }
    profile->n_outputs = json_array_size(outputs);
    for (size_t i = 0; i < profile->n_outputs; i++) {
        profile->outputs[i] = number_of(json_array_get(outputs, i), INT64_MAX);
        if (profile->outputs[i] > INT64_MAX) {
            return -EBADMSG;
        }
    }
    return packings_from_json(profile, json_object_get(json, "packings"));
}

/* Adds what the file says; -EBADMSG: it is damaged, or there is no room. */
static int load(struct profile_store *store, const char *path)
{
    cleanup(memory_free) void *bytes = NULL;
    cleanup(json_decrefp) json_t *json = NULL;
    struct error ignored;
    size_t size = 0;

    if (file_read(path, FILE_MOST, &bytes, &size, &ignored) < 0) {
        return -EBADMSG;
    }
    json = json_loadb(bytes, size, JSON_REJECT_DUPLICATES, NULL);
    struct profile_key key = {.subject = text_of(json, "subject"),
                              .type = text_of(json, "type"),
                              .engine = text_of(json, "engine")};

    if (number_of(json_object_get(json, "version"), VERSION) < VERSION) {
        return 0; /* what older brumes measured is measured anew */
    }
    if (number_of(json_object_get(json, "version"), VERSION) != VERSION ||
        key.subject == NULL || key.type == NULL || key.engine == NULL ||
        profile_entry_find(store, key) != NULL) {
        return -EBADMSG;
    }
    struct profile_entry *entry = profile_entry_add(store, key);

    if (entry == NULL) {
        return -EBADMSG;
    }
    if (profile_from_json(&entry->profile, json) < 0) {
        store->n--;
        profile_entry_free(entry);
        return -EBADMSG;
    }
    return 0;
}

static void directory_closep(DIR **folder)
{
    if (*folder != NULL) {
        closedir(*folder);
    }
}

int profile_store_open(const char *folder, struct profile_store **ret_store, struct error *err)
{
    cleanup(profile_store_closep) struct profile_store *store = memory_new(1, sizeof(*store));
    cleanup(directory_closep) DIR *directory = NULL;

    store->folder = memory_text(folder);
    directory = folder == NULL ? NULL : opendir(folder);
    if (folder != NULL && directory == NULL && errno != ENOENT) {
        return error_set(err, -errno, "%s: cannot be read: %s", folder, strerrordesc_np(errno));
    }
    while (directory != NULL) {
        const struct dirent *file = readdir(directory); /* NOLINT(concurrency-mt-unsafe) */

        if (file == NULL) {
            break;
        }
        const char *suffix = strrchr(file->d_name, '.');

        if (suffix == NULL || suffix == file->d_name || strcmp(suffix, ".json") != 0) {
            continue;
        }
        cleanup(memory_free) char *path = memory_format("%s/%s", folder, file->d_name);

        store->n_damaged += load(store, path) < 0;
    }
    *ret_store = STEAL(store);
    return 0;
}

static json_t *profile_to_json(const struct profile *profile)
{
    json_t *segments = json_array(), *outputs = json_array(), *packings = json_array();

    for (size_t i = 0; i < profile->n_segments; i++) {
        const struct profile_segment *segment = &profile->segments[i];

        json_array_append_new(segments,
                              json_pack("[i, i, f, I, i]", (int)segment->from, (int)segment->to,
                                        segment->cpu_seconds, (json_int_t)segment->memory,
                                        (int)segment->runs));
    }
    for (size_t i = 0; i < profile->n_outputs; i++) {
        json_array_append_new(outputs, json_integer((json_int_t)profile->outputs[i]));
    }
    for (size_t i = 0; i < profile->n_packings; i++) {
        const struct profile_packing *packing = &profile->packings[i];

        json_array_append_new(packings,
                              json_pack("[i, s, f, f, f]", (int)packing->at,
                                        graph_codec_name(packing->codec), packing->part,
                                        packing->pack, packing->unpack));
    }
    return json_pack("{s:i, s:s, s:s, s:s, s:o, s:o, s:o}", "version", VERSION, "subject",
                     profile->subject, "type", profile->type, "engine", profile->engine,
                     "segments", segments, "outputs", outputs, "packings", packings);
}

static char *profile_path(const struct profile_store *store, const struct profile *profile)
{
    cleanup(memory_free) char *key =
        memory_format("%s\n%s\n%s", profile->subject, profile->type, profile->engine);

    return memory_format("%s/%016llx.json", store->folder,
                         (unsigned long long)XXH64(key, strlen(key), 0));
}

int profile_store_save(struct profile_store *store, struct error *err)
{
    if (store->folder == NULL) {
        return 0;
    }
    int r = file_make_folder(store->folder, err);

    for (size_t i = 0; i < store->n && r == 0; i++) {
        struct profile_entry *entry = store->entries[i];

        if (!entry->changed) {
            continue;
        }
        cleanup(json_decrefp) json_t *json = profile_to_json(&entry->profile);
        cleanup(memory_free) char *text =
            json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(9));
        cleanup(memory_free) char *path = profile_path(store, &entry->profile);

        if (text == NULL) {
            return error_set(err, -EINVAL, "%s: the profile is no UTF-8 text", path);
        }
        r = file_write(path, text, strlen(text), err);
        entry->changed = r != 0;
    }
    return r;
}
