/* The reference of the keys. The walk keeps its own stack of tables. */
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "graph/manifest_keys.h"

enum { DEPTH_MAX = 8 };

struct level {
    const struct yaml_key *next;
    char *path; /* of the map that has the keys: "spec.operators[]." */
};

static void write_row(FILE *out, const char *path, const struct yaml_key *key)
{
    fprintf(out, "| `%s%s` | %s | %s | %s |\n", path, key->name, key->form,
            key->required ? "yes" : "", key->help);
}

char *manifest_reference(const struct yaml_key *keys)
{
    struct level levels[DEPTH_MAX] = {{.next = keys, .path = memory_text("")}};
    unsigned depth = 1;
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    if (out == NULL) {
        abort();
    }
    fputs("| key | form | required | meaning |\n|---|---|---|---|\n", out);
    while (depth > 0) {
        struct level *level = &levels[depth - 1];
        const struct yaml_key *key = level->next++;
        if (key->name == NULL) {
            memory_free(&level->path);
            depth--;
            continue;
        }
        write_row(out, level->path, key);
        if (key->keys != NULL && depth < DEPTH_MAX) {
            const char *list = (key->kinds & YAML_LIST) != 0 ? "[]" : "";
            levels[depth++] =
                (struct level){.next = key->keys,
                               .path = memory_format("%s%s%s.", level->path, key->name, list)};
        }
    }
    if (fclose(out) != 0) {
        abort();
    }
    return text;
}
