/* A YAML document as a tree in which everything knows its line and column, so that whoever
 * refuses something can say where it stands: "street.yaml:7:23: …".
 *
 * The part of YAML that manifests need, within limits that hold whatever the file says: one
 * document, texts, lists and maps; no anchors, aliases or tags; no key twice in one map; no
 * byte of value 0. What a text means (a number, a size) is asked of base/text.h by who knows.
 *
 * The keys that a map may have are a table of `struct yaml_key`: yaml_check() compares a
 * document with it, and a reference of the keys is written from it.
 */
#ifndef BASE_YAML_H
#define BASE_YAML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"

struct error;

enum {
    YAML_SIZE_MAX = 1 << 20,  /* bytes of a document */
    YAML_NODES_MAX = 1 << 16, /* texts, lists and maps, keys included */
    YAML_KEYS_MAX = 4096,     /* of one map */
    YAML_DEPTH_MAX = 32,
};

enum yaml_kind { YAML_TEXT = 1, YAML_LIST = 2, YAML_MAP = 4 }; /* bits, for yaml_key.kinds */

struct yaml_node {
    enum yaml_kind kind;
    unsigned line, column; /* from 1 */
    const char *file;      /* as given to yaml_parse() */
    bool quoted;           /* a text in quotes or as a block: never a number or a switch */
    char *text;            /* UTF-8; NULL for lists and maps */
    size_t n;              /* items of a list, pairs of a map */
    struct yaml_pair *pairs;
};

struct yaml_pair {
    const struct yaml_node *key; /* a text; NULL in a list */
    const struct yaml_node *value;
};

struct yaml_document;

/* `file` is what messages call it. */
int yaml_parse(const char *file, const char *text, size_t size,
               struct yaml_document **ret_document, struct error *err);
void yaml_destroy(struct yaml_document *document);
void yaml_destroyp(struct yaml_document **document);

const struct yaml_node *yaml_root(const struct yaml_document *document); /* never NULL */

/* The value under `key`; NULL when it is not there or null, or `map` is NULL or no map. */
const struct yaml_node *yaml_get(const struct yaml_node *map, const char *key);

/* Nothing stands there: "key:" or "key: null" or "key: ~". */
bool yaml_is_null(const struct yaml_node *node);

/* Writes "file:line:column: " and the sentence, without control characters; returns `code`. */
int yaml_fail(const struct yaml_node *node, struct error *err, int code, const char *format,
              ...) PRINTF_LIKE(4, 5);

/* What a map may hold under one key. A table ends with {0}. */
struct yaml_key {
    const char *name;
    unsigned kinds; /* YAML_TEXT | YAML_LIST: either */
    bool required;
    const char *form; /* how it is written: "a rate, 5/s"; for the reference and for messages */
    const char *help; /* one line */
    /* The keys of the map, or of each map in the list. NULL: a map may hold any keys, a list
     * only texts. */
    const struct yaml_key *keys;
    const char *choices; /* "throughput|latency": the text is one of these; NULL: any */
    /* What schemas say besides, for readers that know no more of a text than that: what it
     * stands for ("integer", "number", "time", "text|integer"; NULL: a text), a regular
     * expression for it, or for each in the list; the most items, or the largest number. */
    const char *type, *pattern;
    unsigned most;
};

/* Compares a node and everything below it with a table; -EINVAL with a sentence. Keys that are
 * null count as left out. */
int yaml_check(const struct yaml_node *node, const struct yaml_key *keys, struct error *err);

/* Checks a text against "one|two|three"; `what` begins the sentence: "objective". Returns the
 * number of the choice, or -EINVAL. */
int yaml_choice(const struct yaml_node *node, const char *what, const char *choices,
                struct error *err);

#endif
