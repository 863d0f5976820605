#include "operator/csv_table.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"
#include "operator/csv.h"
#include "operator/csv_rows.h"
#include "operator/moment.h"

enum { TIME_TEXT_MAX = 256 };

struct fields {
    char *line; /* malloc'ed, cut in place */
    size_t n;
    char *texts[CSV_FIELDS_MAX];
};

static void fields_finish(struct fields *fields)
{
    free(fields->line);
}

static int find(const struct csv_table *table, const char *name, const char *what,
                size_t *ret_index, struct error *err)
{
    for (size_t i = 0; i < table->n; i++) {
        if (strcmp(table->names[i], name) == 0) {
            *ret_index = i;
            return 0;
        }
    }
    const char *near = text_nearest(name, (const char *const *)table->names, table->n);
    return error_set(err, -EINVAL, "there is no column '%.64s' for '%s'%s%.64s%s", name, what,
                     near == NULL ? "" : " (did you mean '", near == NULL ? "" : near,
                     near == NULL ? "" : "'?)");
}

/* Cuts the next name off a comma list; false: there is none. */
static bool next_name(char **list, const char **ret_name)
{
    char *name;

    do {
        name = strsep(list, ",");
        if (name == NULL) {
            return false;
        }
        name += strspn(name, " ");
        for (size_t n = strlen(name); n > 0 && name[n - 1] == ' '; n--) {
            name[n - 1] = '\0';
        }
    } while (*name == '\0');
    *ret_name = name;
    return true;
}

static int choose_time(struct csv_table *table, struct error *err)
{
    const char *wanted = *table->options.time != '\0' ? table->options.time : "time";
    cleanup(memory_free) char *names = memory_text(wanted);
    char *list = names;
    const char *name;

    while (next_name(&list, &name)) {
        if (table->n_time == CSV_TIME_COLUMNS_MAX) {
            return error_set(err, -EINVAL, "'time' names over %d columns",
                             CSV_TIME_COLUMNS_MAX);
        }
        int ret = find(table, name, "time", &table->time[table->n_time], err);
        if (ret < 0) {
            return ret;
        }
        table->n_time++;
    }
    return table->n_time > 0 ? 0 : error_set(err, -EINVAL, "'time' names no column");
}

static int choose_device(struct csv_table *table, struct error *err)
{
    table->device = table->n;
    if (*table->options.device != '@') {
        return 0;
    }
    return find(table, table->options.device + 1, "device", &table->device, err);
}

static bool is_time(const struct csv_table *table, size_t column)
{
    for (size_t i = 0; i < table->n_time; i++) {
        if (table->time[i] == column) {
            return true;
        }
    }
    return false;
}

static int choose_readings(struct csv_table *table, struct error *err)
{
    cleanup(memory_free) char *names = memory_text(table->options.columns);
    char *list = names;
    const char *name;
    size_t column = 0, n = 0;

    for (size_t i = 0; *names == '\0' && i < table->n; i++) {
        table->readings[i] =
            *table->names[i] != '\0' && !is_time(table, i) && i != table->device;
        n += table->readings[i];
    }
    while (next_name(&list, &name)) {
        int ret = find(table, name, "columns", &column, err);

        if (ret < 0) {
            return ret;
        }
        table->readings[column] = true;
        n++;
    }
    return n > 0 ? 0 : error_set(err, -EINVAL, "there is no column with readings");
}

int csv_table_init(const struct csv_options *options, const char *header,
                   struct csv_table *ret_table, struct error *err)
{
    struct csv_table table = {.options = *options, .header = memory_text(header)};
    size_t size = strlen(header);

    while (size > 0 && csv_is_blank(header + size - 1, 1, options->separator)) {
        size--;
    }
    table.header[size] = '\0';
    table.names = memory_new(CSV_FIELDS_MAX, sizeof(*table.names));
    table.readings = memory_new(CSV_FIELDS_MAX, sizeof(*table.readings));
    table.n = csv_split(table.header, options->separator, table.names);
    int ret = table.n > 0 ? 0
                          : error_set(err, -EINVAL, "over %d columns, or a quote without end",
                                      CSV_FIELDS_MAX);
    ret = ret < 0 ? ret : choose_time(&table, err);
    ret = ret < 0 ? ret : choose_device(&table, err);
    ret = ret < 0 ? ret : choose_readings(&table, err);
    if (ret < 0) {
        csv_table_finish(&table);
        return ret;
    }
    *ret_table = table;
    return 0;
}

void csv_table_finish(struct csv_table *table)
{
    free(table->names);
    free(table->readings);
    free(table->header);
    *table = (struct csv_table){0};
}

/* Fields beyond the last column must be empty. */
static bool read_fields(const struct csv_table *table, const char *line, size_t size,
                        struct fields *fields, struct error *err)
{
    if (size >= CSV_LINE_MAX) {
        error_set(err, -EINVAL, "a line over %d KB", CSV_LINE_MAX >> 10);
        return false;
    }
    if (memchr(line, '\0', size) != NULL) {
        error_set(err, -EINVAL, "a zero byte in it");
        return false;
    }
    fields->line = memory_format("%.*s", (int)size, line);
    fields->n = csv_split(fields->line, table->options.separator, fields->texts);
    if (fields->n == 0) {
        error_set(err, -EINVAL, "over %d fields, or a quote without end", CSV_FIELDS_MAX);
        return false;
    }
    while (fields->n > table->n &&
           csv_is_blank(fields->texts[fields->n - 1], strlen(fields->texts[fields->n - 1]),
                        table->options.separator)) {
        fields->n--;
    }
    if (fields->n != table->n) {
        error_set(err, -EINVAL, "%zu fields and not %zu", fields->n, table->n);
        return false;
    }
    return true;
}

static bool read_time(const struct csv_table *table, const struct fields *fields,
                      double *ret_time, struct error *err)
{
    char text[TIME_TEXT_MAX] = "";
    size_t size = 0;

    for (size_t i = 0; i < table->n_time && size < sizeof(text); i++) {
        size += (size_t)snprintf(text + size, sizeof(text) - size, "%s%s", i > 0 ? " " : "",
                                 fields->texts[table->time[i]]);
    }
    if (size >= sizeof(text) || moment_read(text, table->options.time_format, ret_time) < 0) {
        error_set(err, -EINVAL, "'%.64s' is no time", text);
        return false;
    }
    return true;
}

/* Where there is none, the value is not a number. */
static bool read_values(const struct csv_table *table, const struct fields *fields,
                        double *ret_values, struct error *err)
{
    const struct csv_options *options = &table->options;

    for (size_t i = 0; i < table->n; i++) {
        const char *text = fields->texts[i];

        ret_values[i] = NAN;
        if (!table->readings[i] || *text == '\0') {
            continue;
        }
        if (csv_read_number(text, options->decimal, &ret_values[i]) < 0) {
            error_set(err, -EINVAL, "'%.64s' in column '%.64s' is no number", text,
                      table->names[i]);
            return false;
        }
        if (options->has_missing && ret_values[i] == options->missing) {
            ret_values[i] = NAN;
        }
    }
    return true;
}

int csv_table_time(const struct csv_table *table, const char *line, size_t size,
                   double *ret_time, struct error *err)
{
    cleanup(fields_finish) struct fields fields;

    fields.line = NULL;
    return read_fields(table, line, size, &fields, err) &&
                   read_time(table, &fields, ret_time, err)
               ? 0
               : -EINVAL;
}

int csv_table_row(const struct csv_table *table, const char *line, size_t size, double shift,
                  struct readings_out *out, struct error *err)
{
    cleanup(fields_finish) struct fields fields;
    double values[CSV_FIELDS_MAX];
    double time = 0;

    fields.line = NULL;
    if (!read_fields(table, line, size, &fields, err) ||
        !read_time(table, &fields, &time, err) || !read_values(table, &fields, values, err)) {
        return -EINVAL;
    }
    const char *device =
        table->device < table->n ? fields.texts[table->device] : table->options.device;
    for (size_t i = 0; i < table->n; i++) {
        if (!isnan(values[i])) {
            readings_add(out,
                         &(struct reading){time + shift, values[i], table->names[i], device});
        }
    }
    return 0;
}
