#include "controller/profiles.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "controller/profiles_pack.h"
#include "kube/api.h"

enum {
    SOON_MS = 5000,
    AGAIN_MS = 60000, /* after the API server did not take it */
    FAREWELL_MS = 1000,
    FILE_MOST = 1 << 20,
};

struct profiles {
    struct kube_api *api;
    char *space, *folder;
    uv_timer_t timer;
    struct kube_request *request;
    json_t *kept; /* data of the ConfigMap, as far as we know; NULL: there is none */
    json_t *sent; /* what it will be when the request under way was done */
    bool touched, told;
    uint64_t n_loaded;
    void (*loaded)(void *owner);
    void *owner;
};

struct profiles *profiles_open(struct kube_api *api, const char *space)
{
    struct profiles *profiles = memory_new(1, sizeof(*profiles));
    cleanup(memory_free) char *cache = file_cache_folder();

    profiles->api = api;
    profiles->space = memory_text(space);
    profiles->folder = memory_format("%s/profiles", cache);
    uv_timer_init(kube_api_loop(api), &profiles->timer);
    profiles->timer.data = profiles;
    return profiles;
}

static void complain(struct profiles *profiles, const struct error *err)
{
    char quoted[sizeof(err->text) * 2];

    if (!profiles->told) {
        profiles->told = true;
        log_event(LOG_WARN, "controller.profiles-not-kept", "name=" PROFILES_NAME " why=%s",
                  log_quote(err->text, quoted, sizeof(quoted)));
    }
}

/* Those that come from elsewhere count as older than any that is measured here. */
static void write_file(void *owner, const char *name, const char *text)
{
    struct profiles *profiles = owner;
    cleanup(memory_free) char *path = memory_format("%s/%s", profiles->folder, name);
    const struct timespec times[] = {{.tv_sec = (time_t)++profiles->n_loaded},
                                     {.tv_sec = (time_t)profiles->n_loaded}};
    struct error err;

    if (access(path, F_OK) == 0) {
        return;
    }
    if (file_write(path, text, strlen(text), &err) < 0) {
        complain(profiles, &err);
        return;
    }
    (void)utimensat(AT_FDCWD, path, times, 0);
}

static void came(void *owner, const struct kube_answer *answer, const struct error *err)
{
    struct profiles *profiles = owner;
    const json_t *data = json_object_get(answer->json, "data");
    struct error wrong;

    profiles->request = NULL;
    if (err != NULL && err->code != -ENOENT) {
        complain(profiles, err);
    } else if (err == NULL) {
        profiles->kept = json_is_object(data) ? json_deep_copy(data) : json_object();
        if (file_make_folder(profiles->folder, &wrong) < 0) {
            complain(profiles, &wrong);
        } else {
            profiles_unpack(data, write_file, profiles);
        }
        log_event(LOG_INFO, "controller.profiles-loaded", "files=%llu",
                  (unsigned long long)profiles->n_loaded);
    }
    profiles->loaded(profiles->owner);
}

static char *path_of(const struct profiles *profiles, const char *name)
{
    return memory_format("/api/v1/namespaces/%s/configmaps%s%s", profiles->space,
                         *name == '\0' ? "" : "/", name);
}

void profiles_load(struct profiles *profiles, void (*done)(void *owner), void *owner)
{
    cleanup(memory_free) char *path = path_of(profiles, PROFILES_NAME);
    const struct kube_call call = {.method = "GET", .path = path};

    profiles->loaded = done;
    profiles->owner = owner;
    profiles->request = kube_ask(profiles->api, &call, came, profiles);
}

struct listing {
    size_t n;
    struct profiles_file *files;
};

static void add_file(struct listing *listing, const char *folder, const char *name)
{
    cleanup(memory_free) char *path = memory_format("%s/%s", folder, name);
    struct stat about;
    void *text = NULL;
    size_t size;
    struct error ignored;

    if (stat(path, &about) < 0 || file_read(path, FILE_MOST, &text, &size, &ignored) < 0) {
        return;
    }
    listing->files = memory_grow(listing->files, listing->n, sizeof(*listing->files));
    listing->files[listing->n++] = (struct profiles_file){
        memory_text(name), text,
        (uint64_t)about.st_mtim.tv_sec * 1000 + (uint64_t)about.st_mtim.tv_nsec / 1000000};
}

/* The folder's files as data. */
static json_t *read_folder(const struct profiles *profiles)
{
    struct listing listing = {0};
    const struct dirent *entry;
    DIR *folder = opendir(profiles->folder);

    while (folder != NULL && (entry = readdir(folder)) != NULL) { /* NOLINT(concurrency-*) */
        if (profiles_is_name(entry->d_name)) {
            add_file(&listing, profiles->folder, entry->d_name);
        }
    }
    if (folder != NULL) {
        closedir(folder);
    }
    json_t *data = profiles_pack(listing.files, listing.n, PROFILES_MOST);
    for (size_t i = 0; i < listing.n; i++) {
        free(listing.files[i].name);
        free(listing.files[i].text);
    }
    free(listing.files);
    return data;
}

static void save_due(uv_timer_t *timer);

static void saved(void *owner, const struct kube_answer *answer, const struct error *err)
{
    struct profiles *profiles = owner;
    json_t *sent = STEAL(profiles->sent);

    (void)answer;
    profiles->request = NULL;
    if (err == NULL) {
        json_decref(profiles->kept);
        profiles->kept = sent;
        profiles->told = false;
        if (profiles->touched) {
            uv_timer_start(&profiles->timer, save_due, SOON_MS, 0);
        }
        return;
    }
    json_decref(sent);
    profiles->touched = true;
    if (err->code == -ENOENT && profiles->kept != NULL) {
        json_decref(STEAL(profiles->kept)); /* somebody removed it: it is made anew */
        uv_timer_start(&profiles->timer, save_due, SOON_MS, 0);
        return;
    }
    if (err->code == -EBUSY && profiles->kept == NULL) {
        profiles->kept = json_object(); /* it could not be read before, and is there */
        uv_timer_start(&profiles->timer, save_due, SOON_MS, 0);
        return;
    }
    complain(profiles, err);
    uv_timer_start(&profiles->timer, save_due, AGAIN_MS, 0);
}

/* The request that makes the ConfigMap as the folder is; false: it is so. */
static bool prepare(struct profiles *profiles, struct kube_call *ret_call, json_t **ret_body,
                    char **ret_path)
{
    json_t *data = read_folder(profiles);
    json_t *body = profiles_patch(profiles->kept, data);

    if (body == NULL || (profiles->kept == NULL && json_object_size(data) == 1)) {
        json_decref(body);
        json_decref(data);
        return false;
    }
    json_decref(profiles->sent);
    profiles->sent = data;
    if (profiles->kept == NULL) {
        json_object_set_new(body, "apiVersion", json_string("v1"));
        json_object_set_new(body, "kind", json_string("ConfigMap"));
        json_object_set_new(body, "metadata",
                            json_pack("{sss{ss}}", "name", PROFILES_NAME, "labels",
                                      "app.kubernetes.io/managed-by", "brume"));
    }
    *ret_path = path_of(profiles, profiles->kept == NULL ? "" : PROFILES_NAME);
    *ret_body = body;
    *ret_call = (struct kube_call){
        .method = profiles->kept == NULL ? "POST" : "PATCH", .path = *ret_path, .body = body};
    return true;
}

static void save_due(uv_timer_t *timer)
{
    struct profiles *profiles = timer->data;
    cleanup(json_decrefp) json_t *body = NULL;
    cleanup(memory_free) char *path = NULL;
    struct kube_call call;

    profiles->touched = false;
    if (prepare(profiles, &call, &body, &path)) {
        profiles->request = kube_ask(profiles->api, &call, saved, profiles);
    }
}

void profiles_touch(struct profiles *profiles)
{
    if (!profiles->touched && profiles->request == NULL) {
        uv_timer_start(&profiles->timer, save_due, SOON_MS, 0);
    }
    profiles->touched = true;
}

static void save_now(struct profiles *profiles)
{
    cleanup(json_decrefp) json_t *body = NULL;
    cleanup(memory_free) char *path = NULL;
    struct kube_call call;
    struct error err;

    if (prepare(profiles, &call, &body, &path)) {
        call.timeout_ms = FAREWELL_MS;
        if (kube_api_ask_now(profiles->api, &call, NULL, &err) < 0) {
            complain(profiles, &err);
        }
    }
}

static void timer_closed(uv_handle_t *timer)
{
    free(timer->data);
}

void profiles_close(struct profiles *profiles, bool save)
{
    if (profiles == NULL) {
        return;
    }
    kube_forget(profiles->api, profiles->request);
    if (save && (profiles->touched || profiles->sent != NULL)) {
        save_now(profiles);
    }
    json_decref(profiles->kept);
    json_decref(profiles->sent);
    free(profiles->space);
    free(profiles->folder);
    uv_close((uv_handle_t *)&profiles->timer, timer_closed);
}
