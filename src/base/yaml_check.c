/* A document against a table of keys. The walk keeps its own stack, as deep as a document may
 * be. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"
#include "base/yaml.h"

enum { CHOICES_MAX = 32 };

/* A list or map under way: its items are checked one after the other. */
struct level {
    const struct yaml_node *node;
    const struct yaml_key *keys; /* of the map, or of the maps in the list */
    const char *name;            /* the key it stands under; NULL: the document */
    size_t next;
};

static const char *kinds_text(unsigned kinds)
{
    static const char *const names[] = {"nothing",        "a text",   "a list",
                                        "a text or list", "a map",    "a text or map",
                                        "a list or map",  "any value"};

    return names[kinds & 7];
}

/* What a sentence says of a node that is something else than asked. */
static const char *kind_text(const struct yaml_node *node)
{
    return yaml_is_null(node) ? "empty" : kinds_text((unsigned)node->kind);
}

static const struct yaml_key *find_key(const struct yaml_key *keys, const char *name)
{
    for (; keys->name != NULL; keys++) {
        if (strcmp(keys->name, name) == 0) {
            return keys;
        }
    }
    return NULL;
}

static int fail_unknown(const struct yaml_node *key, const struct level *level,
                        struct error *err)
{
    const char *names[CHOICES_MAX];
    size_t n = 0;

    for (; n < CHOICES_MAX && level->keys[n].name != NULL; n++) {
        names[n] = level->keys[n].name;
    }
    const char *nearest = text_nearest(key->text, names, n);
    return yaml_fail(key, err, -EINVAL, "unknown key '%.64s'%s%s%s%s%s%s", key->text,
                     level->name == NULL ? "" : " in '", level->name == NULL ? "" : level->name,
                     level->name == NULL ? "" : "'", nearest == NULL ? "" : " (did you mean '",
                     nearest == NULL ? "" : nearest, nearest == NULL ? "" : "'?)");
}

static int check_required(const struct level *level, struct error *err)
{
    for (const struct yaml_key *key = level->keys; key->name != NULL; key++) {
        if (key->required && yaml_get(level->node, key->name) == NULL) {
            return yaml_fail(level->node, err, -EINVAL, "key '%s' is missing%s%s%s (%s)",
                             key->name, level->name == NULL ? "" : " in '",
                             level->name == NULL ? "" : level->name,
                             level->name == NULL ? "" : "'",
                             key->form == NULL ? kinds_text(key->kinds) : key->form);
        }
    }
    return 0;
}

int yaml_choice(const struct yaml_node *node, const char *what, const char *choices,
                struct error *err)
{
    cleanup(memory_free) char *list = memory_text(choices);
    const char *names[CHOICES_MAX];
    char *rest = NULL;
    size_t n = 0;

    for (char *name = strtok_r(list, "|", &rest); name != NULL && n < CHOICES_MAX;
         name = strtok_r(NULL, "|", &rest)) {
        if (node->text != NULL && strcmp(node->text, name) == 0) {
            return (int)n;
        }
        names[n++] = name;
    }
    const char *nearest = node->text == NULL ? NULL : text_nearest(node->text, names, n);
    if (nearest != NULL) {
        return yaml_fail(node, err, -EINVAL, "'%s' may not be '%.64s' (did you mean '%s'?)",
                         what, node->text, nearest);
    }
    return yaml_fail(node, err, -EINVAL, "'%s' may not be '%.64s', only %s", what,
                     node->text == NULL ? kind_text(node) : node->text, choices);
}

/* Checks one value against its row; a list or map to look into is put in *ret_below. */
static int check_value(const struct yaml_node *value, const struct yaml_key *key,
                       struct level *ret_below, struct error *err)
{
    if (yaml_is_null(value)) {
        return 0;
    }
    if (((unsigned)value->kind & key->kinds) == 0) {
        return yaml_fail(value, err, -EINVAL, "'%s' must be %s, not %s", key->name,
                         key->form == NULL ? kinds_text(key->kinds) : key->form,
                         kind_text(value));
    }
    if (value->kind == YAML_TEXT && key->choices != NULL) {
        int choice = yaml_choice(value, key->name, key->choices, err);
        return choice < 0 ? choice : 0;
    }
    if (value->kind == YAML_LIST || (value->kind == YAML_MAP && key->keys != NULL)) {
        *ret_below = (struct level){.node = value, .keys = key->keys, .name = key->name};
    }
    return 0;
}

static int check_item(const struct yaml_node *item, const struct level *level,
                      struct level *ret_below, struct error *err)
{
    unsigned wanted = level->keys == NULL ? YAML_TEXT : YAML_MAP;

    if ((unsigned)item->kind != wanted) {
        return yaml_fail(item, err, -EINVAL, "the items of '%s' must each be %s, not %s",
                         level->name, kinds_text(wanted), kind_text(item));
    }
    if (level->keys != NULL) {
        *ret_below = (struct level){.node = item, .keys = level->keys, .name = level->name};
    }
    return 0;
}

/* Checks the next item or pair of a level. */
static int check_next(struct level *level, struct level *ret_below, struct error *err)
{
    const struct yaml_pair *pair = &level->node->pairs[level->next++];

    if (level->node->kind == YAML_LIST) {
        return check_item(pair->value, level, ret_below, err);
    }
    const struct yaml_key *key = find_key(level->keys, pair->key->text);
    if (key == NULL) {
        return fail_unknown(pair->key, level, err);
    }
    return check_value(pair->value, key, ret_below, err);
}

int yaml_check(const struct yaml_node *node, const struct yaml_key *keys, struct error *err)
{
    struct level levels[YAML_DEPTH_MAX + 1] = {{.node = node, .keys = keys}};
    unsigned depth = 1;

    if (node->kind != YAML_MAP) {
        return yaml_fail(node, err, -EINVAL, "a map of keys must stand here, not %s",
                         kind_text(node));
    }
    while (depth > 0) {
        struct level *level = &levels[depth - 1];
        struct level below = {0};
        int code = 0;
        if (level->next < level->node->n) {
            code = check_next(level, &below, err);
        } else {
            code = level->node->kind == YAML_MAP ? check_required(level, err) : 0;
            depth--;
        }
        if (code < 0) {
            return code;
        }
        if (below.node != NULL) {
            levels[depth++] = below;
        }
    }
    return 0;
}
