#include "kube/store.h"

#include <string.h>

#include "base/memory.h"

void store_init(struct store *store, const struct kube_watch_listener *listener)
{
    *store =
        (struct store){.listener = *listener, .objects = json_object(), .pages = json_object()};
}

void store_finish(struct store *store)
{
    json_decref(store->objects);
    json_decref(store->pages);
}

void store_forget_pages(struct store *store)
{
    json_object_clear(store->pages);
}

const char *store_text(const json_t *object, const char *key)
{
    const char *text =
        json_string_value(json_object_get(json_object_get(object, "metadata"), key));

    return text != NULL ? text : "";
}

static bool is_same(const json_t *a, const json_t *b, const char *key)
{
    return strcmp(store_text(a, key), store_text(b, key)) == 0;
}

static char *key_of(const json_t *object)
{
    const char *name = store_text(object, "name");

    return *name == '\0' ? NULL : memory_format("%s/%s", store_text(object, "namespace"), name);
}

void kube_strip(json_t *object)
{
    json_t *metadata = json_object_get(object, "metadata");

    json_object_del(metadata, "managedFields");
    json_object_del(json_object_get(metadata, "annotations"),
                    "kubectl.kubernetes.io/last-applied-configuration");
}

static void tell_object(struct store *store, const json_t *object)
{
    store->listener.object(store->listener.owner, object);
}

static void tell_removed(struct store *store, const json_t *object)
{
    store->listener.removed(store->listener.owner, object);
}

/* What stands in a list lacks what the list says of all. */
static void complete_item(json_t *item, const json_t *list)
{
    const char *kind = json_string_value(json_object_get(list, "kind"));
    size_t n = kind != NULL ? strlen(kind) : 0;

    if (json_object_get(item, "apiVersion") == NULL) {
        json_object_set(item, "apiVersion", json_object_get(list, "apiVersion"));
    }
    if (json_object_get(item, "kind") == NULL && n > 4 && strcmp(kind + n - 4, "List") == 0) {
        json_object_set_new(item, "kind", json_stringn(kind, n - 4));
    }
}

void store_take_page(struct store *store, const json_t *list)
{
    json_t *item;
    size_t i;

    json_array_foreach(json_object_get(list, "items"), i, item)
    {
        cleanup(memory_free) char *key = key_of(item);
        if (key != NULL) {
            complete_item(item, list);
            kube_strip(item);
            json_object_set(store->pages, key, item);
        }
    }
}

/* The pages are all that there is now. */
void store_take_pages(struct store *store)
{
    json_t *before = store->objects, *now = store->pages, *object;
    const char *key;

    store->objects = now;
    store->pages = json_object();
    json_object_foreach(before, key, object)
    {
        const json_t *other = json_object_get(now, key);
        if (other == NULL || !is_same(object, other, "uid")) {
            tell_removed(store, object);
        }
    }
    json_object_foreach(now, key, object)
    {
        const json_t *other = json_object_get(before, key);
        if (other == NULL || !is_same(object, other, "uid") ||
            !is_same(object, other, "resourceVersion")) {
            tell_object(store, object);
        }
    }
    json_decref(before);
}

void store_take_object(struct store *store, json_t *object)
{
    cleanup(memory_free) char *key = key_of(object);
    json_t *before = json_incref(json_object_get(store->objects, key));

    if (before == NULL || !is_same(before, object, "uid") ||
        !is_same(before, object, "resourceVersion")) {
        kube_strip(object);
        json_object_set(store->objects, key, object);
        if (before != NULL && !is_same(before, object, "uid")) {
            tell_removed(store, before);
        }
        tell_object(store, object);
    }
    json_decref(before);
}

void store_take_removal(struct store *store, const json_t *object)
{
    cleanup(memory_free) char *key = key_of(object);

    if (json_object_del(store->objects, key) == 0) {
        tell_removed(store, object);
    }
}

const json_t *store_find(const struct store *store, const char *space, const char *name)
{
    cleanup(memory_free) char *key = memory_format("%s/%s", space != NULL ? space : "", name);

    return json_object_get(store->objects, key);
}

void store_each(const struct store *store, void (*each)(void *owner, const json_t *object),
                void *owner)
{
    const char *key;
    json_t *object;

    json_object_foreach(store->objects, key, object)
    {
        each(owner, object);
    }
}
