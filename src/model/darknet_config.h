/* A Darknet cfg file as text: sections in brackets, each with lines of key=value.
 *
 * Read as Darknet reads it: blanks do not count, not even within a line; lines that start with
 * '#' or ';' are comments; a number ends where a comment starts; the first of two equal keys
 * counts; "key=" is as good as no key; keys that nobody asks for are no error. Unlike Darknet,
 * what is no number where one belongs is refused.
 */
#ifndef MODEL_DARKNET_CONFIG_H
#define MODEL_DARKNET_CONFIG_H

#include <stddef.h>

#include "base/base.h"

struct error;

enum {
    DARKNET_CONFIG_SIZE_MAX = 1 << 20, /* bytes; the longest of Darknet's own has 9 kB */
    DARKNET_SECTIONS_MAX = 4096,
};

struct darknet_key {
    unsigned line;
    const char *name, *value;
};

struct darknet_section {
    const char *path; /* of the file, for messages */
    unsigned line;
    const char *name; /* without its brackets */
    size_t n_keys;
    struct darknet_key *keys;
};

struct darknet_config {
    char *path, *text;
    size_t n_sections;
    struct darknet_section *sections;
};

/* `path` is only for messages. Errors are -EINVAL and start with "PATH:LINE: ". */
int darknet_config_parse(const char *path, const void *bytes, size_t size,
                         struct darknet_config **ret_config, struct error *err);
void darknet_config_destroy(struct darknet_config *config);
void darknet_config_destroyp(struct darknet_config **config);

/* The value of a key, or NULL. */
const char *darknet_text(const struct darknet_section *section, const char *name);

struct darknet_range {
    int fallback, least, most;
};

/* A whole number within a range; the fallback when the key is not there. */
int darknet_integer(const struct darknet_section *section, const char *name,
                    const struct darknet_range *range, int *ret_value, struct error *err);

/* A comma-separated list of at most `most` numbers; none when the key is not there. */
int darknet_numbers(const struct darknet_section *section, const char *name, size_t most,
                    double *ret_numbers, size_t *ret_n, struct error *err);

/* A key that Darknet knows and the importer does not, and the value that changes nothing (a
 * number, or a word). */
struct darknet_refused {
    const char *name, *neutral;
};

/* Refuses any other value of the keys in a table that ends with {0}. */
int darknet_refuse(const struct darknet_section *section, const struct darknet_refused *keys,
                   struct error *err);

/* Writes "PATH:LINE: ..." with the line of the key `name`, if it is there, else (or when `name`
 * is NULL) of the section's head. Returns -EINVAL. */
int darknet_fail(const struct darknet_section *section, const char *name, struct error *err,
                 const char *format, ...) PRINTF_LIKE(4, 5);

#endif
