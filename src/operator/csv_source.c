/* Replays a table of readings, a row per frame.
 *
 * Frame s holds row s, so that a source that was started again goes on where the lost one
 * stopped. With `repeat` frame s is row s modulo n, and each round is as much later as the
 * table is long, plus one mean step: for those who follow, time never goes back.
 *
 * A row that cannot be understood becomes a frame without readings and, as it is, a frame of
 * port `malformed`; the first of them and then one in a thousand is told on the terminal.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "operator/builtin.h"
#include "operator/csv_rows.h"
#include "operator/csv_table.h"
#include "operator/pace.h"

enum { PORT_OUT, PORT_MALFORMED };
enum { SAY_EVERY = 1000 };

static const struct brume_param params[] = {
    {"path", BRUME_FILE, NULL, "the file; its first line names the columns", NULL, 0, 0},
    {"separator", BRUME_TEXT, ",", "the character between fields, or `tab`", NULL, 0, 0},
    {"decimal", BRUME_CHOICE, ".", "what stands before a number's fraction", ".|,", 0, 0},
    {"time", BRUME_TEXT, "",
     "columns that make a row's time, comma-separated; `time` when left out", NULL, 0, 0},
    {"time-format", BRUME_TEXT, "",
     "how it is written, as for strptime, in UTC; seconds since 1970 or ISO 8601 when left out",
     NULL, 0, 0},
    {"columns", BRUME_TEXT, "",
     "columns with readings, comma-separated; all but time and device when left out", NULL, 0,
     0},
    {"device", BRUME_TEXT, "", "the device of all readings; `@NAME`: it stands in that column",
     NULL, 0, 0},
    {"missing", BRUME_NUMBER, "", "a number that means that nothing was read", NULL, 0, 0},
    {"speed", BRUME_NUMBER, "0",
     "by the rows' times: 1 as it was, 60 an hour in a minute; 0: as fast as rows are taken",
     NULL, 0, 1e9},
    {"repeat", BRUME_SWITCH, "false", "begin again after the last row, for ever; time goes on",
     NULL, 0, 0},
    {0},
};

static const struct brume_port outputs[] = {
    {"out", BRUME_READINGS, "the row's readings, their types as the columns are called"},
    {"malformed", BRUME_BYTES, "a row that could not be understood"},
    {0},
};

struct source {
    struct csv_rows rows;
    struct csv_table table;
    bool repeat;
    double round; /* seconds from one round to the next */
    struct event_pace pace;
    bool kept; /* `readings` is frame `sequence`, which waits for its time */
    uint64_t sequence;
    struct readings_out readings;
    uint64_t n_malformed;
};

static int infer(struct brume_call *call)
{
    brume_output(call, PORT_MALFORMED, BRUME_U8, 1, (uint32_t[]){0});
    return readings_infer(call, 1);
}

static void close_source(void *state)
{
    struct source *source = state;

    csv_rows_close(&source->rows);
    csv_table_finish(&source->table);
    readings_out_finish(&source->readings);
    free(source);
}

static void close_sourcep(struct source **source)
{
    if (*source != NULL) {
        close_source(*source);
    }
}

static int read_options(struct brume_call *call, struct csv_options *ret_options)
{
    const char *separator = brume_param(call, "separator");
    const char *missing = brume_param(call, "missing");

    *ret_options = (struct csv_options){
        .separator = *(strcmp(separator, "tab") == 0 ? "\t" : separator),
        .decimal = *brume_param(call, "decimal"),
        .time = brume_param(call, "time"),
        .time_format = brume_param(call, "time-format"),
        .columns = brume_param(call, "columns"),
        .device = brume_param(call, "device"),
        .has_missing = *missing != '\0',
        .missing = brume_param_number(call, "missing"),
    };
    if ((strlen(separator) != 1 && ret_options->separator != '\t') ||
        strchr("\"\n\r", *separator) != NULL) {
        return brume_fail(call, "'separator' must be one character or `tab`, not '%s'",
                          separator);
    }
    if (ret_options->separator == ret_options->decimal) {
        return brume_fail(call, "'%c' cannot be both 'separator' and 'decimal'", *separator);
    }
    return 0;
}

/* From the first time in the table to the last, and a step more. */
static int measure_round(struct brume_call *call, struct source *source)
{
    double first = 0, last = 0;
    uint64_t n = 0;
    struct error err;

    for (uint64_t row = 0; row < source->rows.n; row++) {
        const char *line = NULL;
        size_t size = 0;
        double time = 0;

        if (csv_rows_read(&source->rows, row, &line, &size, &err) < 0) {
            return brume_fail(call, "'%s': %s", brume_param(call, "path"), err.text);
        }
        if (csv_table_time(&source->table, line, size, &time, &err) == 0) {
            first = n == 0 || time < first ? time : first;
            last = n == 0 || time > last ? time : last;
            n++;
        }
    }
    source->round = last > first ? (last - first) * (double)n / (double)(n - 1) : 1;
    return 0;
}

static int open_source(struct brume_call *call, void **ret_state)
{
    cleanup(close_sourcep) struct source *source = memory_new(1, sizeof(*source));
    const char *path = brume_param(call, "path");
    struct csv_options options;
    struct error err;
    int ret = read_options(call, &options);

    if (ret < 0) {
        return ret;
    }
    if (csv_rows_open(path, options.separator, &source->rows, &err) < 0) {
        return brume_fail(call, "%s", err.text);
    }
    if (csv_table_init(&options, source->rows.header, &source->table, &err) < 0) {
        return brume_fail(call, "'%s': %s", path, err.text);
    }
    source->pace.speed = brume_rehearsal(call) ? 0 : brume_param_number(call, "speed");
    source->repeat = brume_param_switch(call, "repeat");
    ret = source->repeat ? measure_round(call, source) : 0;
    if (ret < 0) {
        return ret;
    }
    *ret_state = STEAL(source);
    return 0;
}

static int refuse_row(struct brume_call *call, struct source *source, const char *line,
                      uint32_t size, const char *why)
{
    const struct brume_tensor *bytes = brume_output(call, PORT_MALFORMED, BRUME_U8, 1, &size);

    if (bytes == NULL) {
        return brume_fail(call, "no memory for a line of %u bytes", size);
    }
    memcpy(bytes->data, line, size);
    brume_left_out(call, 1);
    if (source->n_malformed++ % SAY_EVERY == 0) {
        brume_say(call, "%s %llu: malformed: %s (%llu so far)", brume_name(call),
                  (unsigned long long)brume_sequence(call), why,
                  (unsigned long long)source->n_malformed);
    }
    return 0;
}

/* The row of a frame into `readings`; 1: it was malformed and has been put out. */
static int read_row(struct brume_call *call, struct source *source, uint64_t sequence)
{
    const char *line = NULL;
    size_t size = 0;
    struct error err;
    uint64_t n_rounds = sequence / source->rows.n;
    double shift = source->round * (double)n_rounds;

    readings_out_finish(&source->readings);
    source->kept = false;
    if (csv_rows_read(&source->rows, sequence % source->rows.n, &line, &size, &err) < 0) {
        return brume_fail(call, "'%s': %s", brume_param(call, "path"), err.text);
    }
    if (csv_table_row(&source->table, line, size, shift, &source->readings, &err) < 0) {
        int ret = refuse_row(call, source, line, (uint32_t)size, err.text);

        return ret < 0 ? ret : 1;
    }
    source->kept = true;
    source->sequence = sequence;
    return 0;
}

static int process(struct brume_call *call, void *state)
{
    struct source *source = state;
    uint64_t sequence = brume_sequence(call);

    if (sequence >= source->rows.n && !source->repeat) {
        return BRUME_END;
    }
    if (!source->kept || source->sequence != sequence) {
        int ret = read_row(call, source, sequence);

        if (ret != 0) {
            return ret < 0 ? ret : 0;
        }
    }
    if (source->readings.n > 0) {
        uint64_t wait_ms =
            event_pace_wait_ms(&source->pace, source->readings.rows[0], clock_ns());

        if (wait_ms > 0) {
            brume_wait(call, wait_ms);
            return BRUME_LATER;
        }
    }
    return readings_output(call, PORT_OUT, &source->readings);
}

const struct brume_operator builtin_csv_source = {
    .abi = BRUME_ABI,
    .name = "csv-source",
    .summary = "replays a table of readings, a row per frame",
    .params = params,
    .outputs = outputs,
    .infer = infer,
    .open = open_source,
    .process = process,
    .close = close_source,
};
