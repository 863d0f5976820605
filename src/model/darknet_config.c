#include "model/darknet_config.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

static const double number_most = 1e6;

static const struct darknet_key *find(const struct darknet_section *section, const char *name)
{
    for (size_t i = 0; i < section->n_keys; i++) {
        if (strcmp(section->keys[i].name, name) == 0) {
            return &section->keys[i];
        }
    }
    return NULL;
}

int darknet_fail(const struct darknet_section *section, const char *name, struct error *err,
                 const char *format, ...)
{
    const struct darknet_key *key = name == NULL ? NULL : find(section, name);
    char text[sizeof(err->text)];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    return error_set(err, -EINVAL, "%s:%u: %s", section->path,
                     key == NULL ? section->line : key->line, text);
}

static void strip_blanks(char *line)
{
    char *to = line;

    for (const char *from = line; *from != '\0'; from++) {
        if (strchr(" \t\r\v\f", *from) == NULL) {
            *to++ = *from;
        }
    }
    *to = '\0';
}

static int add_section(struct darknet_config *config, char *line, unsigned number,
                       struct error *err)
{
    char *end = strchr(line, ']');

    if (end == NULL || end == line + 1) {
        return error_set(err, -EINVAL, "%s:%u: '%.40s' is no [section]", config->path, number,
                         line);
    }
    if (config->n_sections == DARKNET_SECTIONS_MAX) {
        return error_set(err, -EINVAL, "%s:%u: more than %d sections", config->path, number,
                         DARKNET_SECTIONS_MAX);
    }
    *end = '\0';
    config->sections =
        memory_grow(config->sections, config->n_sections, sizeof(*config->sections));
    config->sections[config->n_sections++] =
        (struct darknet_section){.path = config->path, .line = number, .name = line + 1};
    return 0;
}

static int add_key(struct darknet_config *config, char *line, unsigned number,
                   struct error *err)
{
    char *equals = strchr(line, '=');

    if (equals == NULL || equals == line) {
        return error_set(err, -EINVAL, "%s:%u: '%.40s' is neither a [section] nor key=value",
                         config->path, number, line);
    }
    if (config->n_sections == 0) {
        return error_set(err, -EINVAL, "%s:%u: '%.40s' stands before the first [section]",
                         config->path, number, line);
    }
    if (equals[1] == '\0') {
        return 0;
    }
    struct darknet_section *section = &config->sections[config->n_sections - 1];
    *equals = '\0';
    section->keys = memory_grow(section->keys, section->n_keys, sizeof(*section->keys));
    section->keys[section->n_keys++] =
        (struct darknet_key){.line = number, .name = line, .value = equals + 1};
    return 0;
}

static int parse_lines(struct darknet_config *config, struct error *err)
{
    unsigned number = 0;
    char *rest = config->text, *line = NULL;

    while ((line = strsep(&rest, "\n")) != NULL) {
        int r = 0;

        number++;
        strip_blanks(line);
        if (line[0] == '[') {
            r = add_section(config, line, number, err);
        } else if (line[0] != '\0' && line[0] != '#' && line[0] != ';') {
            r = add_key(config, line, number, err);
        }
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

int darknet_config_parse(const char *path, const void *bytes, size_t size,
                         struct darknet_config **ret_config, struct error *err)
{
    cleanup(darknet_config_destroyp) struct darknet_config *config = NULL;

    if (size > DARKNET_CONFIG_SIZE_MAX) {
        return error_set(err, -EINVAL, "%s: %zu bytes are too many for a Darknet cfg file",
                         path, size);
    }
    if (size > 0 && memchr(bytes, '\0', size) != NULL) {
        return error_set(err, -EINVAL, "%s: has a zero byte: not a Darknet cfg file", path);
    }
    config = memory_new(1, sizeof(*config));
    config->path = memory_text(path);
    config->text = memory_new(size + 1, 1);
    if (size > 0) {
        memcpy(config->text, bytes, size);
    }
    int r = parse_lines(config, err);
    if (r < 0) {
        return r;
    }
    if (config->n_sections == 0) {
        return error_set(err, -EINVAL, "%s: has no [section]: not a Darknet cfg file", path);
    }
    *ret_config = STEAL(config);
    return 0;
}

void darknet_config_destroy(struct darknet_config *config)
{
    if (config == NULL) {
        return;
    }
    for (size_t i = 0; i < config->n_sections; i++) {
        free(config->sections[i].keys);
    }
    free(config->sections);
    free(config->text);
    free(config->path);
    free(config);
}

void darknet_config_destroyp(struct darknet_config **config)
{
    darknet_config_destroy(*config);
    *config = NULL;
}

const char *darknet_text(const struct darknet_section *section, const char *name)
{
    const struct darknet_key *key = find(section, name);

    return key == NULL ? NULL : key->value;
}

static bool ends_here(const char *text)
{
    return *text == '\0' || *text == '#' || *text == ';';
}

int darknet_integer(const struct darknet_section *section, const char *name,
                    const struct darknet_range *range, int *ret_value, struct error *err)
{
    const struct darknet_key *key = find(section, name);
    char *end = NULL;

    if (key == NULL) {
        *ret_value = range->fallback;
        return 0;
    }
    errno = 0;
    long value = strtol(key->value, &end, 10);
    if (end == key->value || !ends_here(end) || errno != 0 || value < range->least ||
        value > range->most) {
        return darknet_fail(section, name, err, "%s=%.40s must be a whole number from %d to %d",
                            name, key->value, range->least, range->most);
    }
    *ret_value = (int)value;
    return 0;
}

int darknet_numbers(const struct darknet_section *section, const char *name, size_t most,
                    double *ret_numbers, size_t *ret_n, struct error *err)
{
    const struct darknet_key *key = find(section, name);
    const char *at = key == NULL ? "" : key->value;
    size_t n = 0;

    while (!ends_here(at)) {
        char *end = NULL;
        double number = strtod(at, &end);

        if (end == at || (*end != ',' && !ends_here(end)) || !isfinite(number) ||
            fabs(number) > number_most) {
            return darknet_fail(section, name, err, "%s=%.40s must be a list of numbers", name,
                                key->value);
        }
        if (n == most) {
            return darknet_fail(section, name, err, "%s has more than %zu numbers", name, most);
        }
        ret_numbers[n++] = number;
        at = *end == ',' ? end + 1 : end;
    }
    *ret_n = n;
    return 0;
}

static bool is_neutral(const char *value, const char *neutral)
{
    char *end = NULL, *neutral_end = NULL;
    bool equal = strtod(value, &end) == strtod(neutral, &neutral_end);

    return strcmp(value, neutral) == 0 || (equal && end != value && neutral_end != neutral);
}

int darknet_refuse(const struct darknet_section *section, const struct darknet_refused *keys,
                   struct error *err)
{
    for (; keys->name != NULL; keys++) {
        const char *value = darknet_text(section, keys->name);

        if (value != NULL && !is_neutral(value, keys->neutral)) {
            return darknet_fail(section, keys->name, err, "%s=%.40s cannot be imported",
                                keys->name, value);
        }
    }
    return 0;
}
