/* `with`: each parameter of the operator's table gets its value, from the manifest or from the
 * table, in the order of the table. Files are looked for here, so that an operator is only ever
 * given a file that was there.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/param.h"
#include "base/text.h"
#include "graph/manifest_internal.h"

enum { PARAMS_MAX = 128 };

static size_t list_names(const struct brume_operator *type, const char **ret_names)
{
    size_t n = 0;

    for (const struct brume_param *row = type->params;
         row != NULL && row->name != NULL && n < PARAMS_MAX; row++) {
        ret_names[n++] = row->name;
    }
    return n;
}

static int fail_unknown(const struct yaml_node *key, const struct brume_operator *type,
                        struct error *err)
{
    const char *names[PARAMS_MAX];
    size_t n = list_names(type, names);
    const char *nearest = text_nearest(key->text, names, n);

    if (n == 0) {
        return yaml_fail(key, err, -EINVAL, "'%s' has no parameters", type->name);
    }
    if (nearest == NULL) {
        return yaml_fail(key, err, -EINVAL,
                         "'%s' has no parameter '%.64s' (`brume operators %s` lists them)",
                         type->name, key->text, type->name);
    }
    return yaml_fail(key, err, -EINVAL, "'%s' has no parameter '%.64s' (did you mean '%s'?)",
                     type->name, key->text, nearest);
}

/* A list of numbers becomes one text with commas between. */
static int join(const struct yaml_node *list, const struct brume_param *row, char **ret_value,
                struct error *err)
{
    cleanup(memory_free) char *text = NULL;
    size_t size = 1;

    for (size_t i = 0; i < list->n; i++) {
        const struct yaml_node *item = list->pairs[i].value;
        if (item->kind != YAML_TEXT) {
            return yaml_fail(item, err, -EINVAL, "'%s' must be a list of numbers", row->name);
        }
        size += strlen(item->text) + 1;
    }
    text = memory_new(size, 1);
    char *end = text;
    for (size_t i = 0; i < list->n; i++) {
        if (i > 0) {
            *end++ = ',';
        }
        end = stpcpy(end, list->pairs[i].value->text);
    }
    *ret_value = STEAL(text);
    return 0;
}

/* What stands in the manifest, as one text of the row's form. */
static int read_value(const struct yaml_node *node, const struct brume_param *row,
                      char **ret_value, struct error *err)
{
    cleanup(memory_free) char *value = NULL;
    struct error inner = {0};
    int code = 0;

    if (node->kind == YAML_LIST && row->kind == BRUME_NUMBERS) {
        code = join(node, row, &value, err);
        if (code < 0) {
            return code;
        }
    } else if (node->kind == YAML_TEXT) {
        value = memory_text(node->text);
    } else {
        return yaml_fail(node, err, -EINVAL, "'%s' must be a single value, not a %s", row->name,
                         node->kind == YAML_LIST ? "list" : "map");
    }
    code = param_check(row, value, &inner);
    if (code < 0) {
        return yaml_fail(node, err, code, "%s", inner.text);
    }
    *ret_value = STEAL(value);
    return 0;
}

static char *absolute_output(const char *folder, const char *value)
{
    cleanup(memory_free) char *within =
        folder != NULL && *value != '/' ? memory_format("%s/%s", folder, value) : NULL;

    return file_absolute(within != NULL ? within : value);
}

/* Whether all that the name may lead to is below where it is looked for. Parts that begin with
 * a dot may be a way up, or become one by a wildcard, and so may what is escaped. Links are of
 * who put them there. */
static bool stays_below(const char *folder, const char *name)
{
    size_t n = strlen(folder);

    if (*name == '/') {
        if (strncmp(name, folder, n) != 0 || name[n] != '/') {
            return false;
        }
        name += n;
    }
    while (*name != '\0') {
        name += strspn(name, "/");
        size_t length = strcspn(name, "/");
        if ((*name == '.' && length > 1) || memchr(name, '\\', length) != NULL) {
            return false;
        }
        name += length;
    }
    return true;
}

/* Makes a file or path absolute. `node` is where to point when it is not there. */
static int resolve(const struct manifest_reader *reader, const struct brume_param *row,
                   const struct yaml_node *node, const char *value, char **ret_value,
                   struct error *err)
{
    bool left_out = *value == '\0' && row->fallback != NULL && *row->fallback == '\0';
    char *found = NULL;

    if (left_out || row->kind < BRUME_FILE) {
        *ret_value = memory_text(value);
        return 0;
    }
    if (*value == '\0') {
        return yaml_fail(node, err, -EINVAL, "'%s' is empty", row->name);
    }
    if (reader->catalog->confined && !param_is_written(row) &&
        !stays_below(reader->folder, value)) {
        return yaml_fail(node, err, -EACCES,
                         "'%s': only what lies below %s is read here, by names without a dot "
                         "at the beginning, not '%.128s'",
                         row->name, reader->folder, value);
    }
    if (param_is_written(row)) {
        found = absolute_output(reader->catalog->folder, value);
    } else if (row->kind == BRUME_FILE) {
        found = file_search(reader->folder, value);
    } else {
        found = file_search_glob(reader->folder, value);
    }
    if (found == NULL && reader->catalog->elsewhere) {
        found = memory_text(value);
    }
    if (found == NULL) {
        bool absolute = *value == '/';
        cleanup(memory_free) char *places = file_search_places(reader->folder);
        return yaml_fail(node, err, -ENOENT, "'%s': there is no '%s'%s%s", row->name, value,
                         absolute ? "" : " in ", absolute ? "" : places);
    }
    *ret_value = found;
    return 0;
}

static int read_row(const struct manifest_reader *reader, size_t index,
                    const struct brume_param *row, char **ret_value, struct error *err)
{
    const struct yaml_node *node = manifest_node(reader, index);
    const struct yaml_node *with = yaml_get(node, "with");
    const struct yaml_node *place = yaml_get(with, row->name);
    const struct graph_operator *step = &reader->graph->operators[index];
    cleanup(memory_free) char *value = NULL;

    if (place != NULL) {
        int code = read_value(place, row, &value, err);
        return value == NULL ? code : resolve(reader, row, place, value, ret_value, err);
    }
    if (row->fallback != NULL) {
        return resolve(reader, row, node, row->fallback, ret_value, err);
    }
    return yaml_fail(with == NULL ? node : with, err, -EINVAL,
                     "'%s' needs the parameter '%s' (%s)", step->type->name, row->name,
                     row->help);
}

int manifest_read_params(struct manifest_reader *reader, size_t index, struct error *err)
{
    const struct yaml_node *with = yaml_get(manifest_node(reader, index), "with");
    struct graph_operator *step = &reader->graph->operators[index];
    const char *names[PARAMS_MAX];
    size_t n = list_names(step->type, names);

    for (size_t i = 0; with != NULL && i < with->n; i++) {
        if (param_find(step->type, with->pairs[i].key->text) == NULL) {
            return fail_unknown(with->pairs[i].key, step->type, err);
        }
    }
    step->params = memory_new(n, sizeof(*step->params));
    for (size_t i = 0; i < n; i++) {
        struct graph_param *param = &step->params[step->n_params++];
        param->name = memory_text(names[i]);
        int code = read_row(reader, index, &step->type->params[i], &param->value, err);
        if (code < 0) {
            return code;
        }
    }
    return 0;
}
