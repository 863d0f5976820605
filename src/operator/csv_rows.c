#include "operator/csv_rows.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "operator/csv.h"

enum { INDEX_STEP = 256, BUFFER_SIZE = CSV_LINE_MAX + 1, LINES_END = 1 };

struct line {
    uint64_t offset;
    const char *text;
    size_t size;
};

static void go_to(struct csv_rows *rows, uint64_t offset)
{
    rows->offset = offset;
    rows->start = 0;
    rows->end = 0;
}

/* Reads more behind what is there; 0 bytes at the file's end. */
static int fill(struct csv_rows *rows, size_t *ret_n, struct error *err)
{
    memmove(rows->buffer, rows->buffer + rows->start, rows->end - rows->start);
    rows->end -= rows->start;
    rows->start = 0;
    for (;;) {
        ssize_t n = pread(rows->fd, rows->buffer + rows->end, BUFFER_SIZE - rows->end,
                          (off_t)(rows->offset + rows->end));

        if (n >= 0) {
            rows->end += (size_t)n;
            *ret_n = (size_t)n;
            return 0;
        }
        if (errno != EINTR) {
            return error_set(err, -errno, "cannot read: %s", strerrordesc_np(errno));
        }
    }
}

static void take(struct csv_rows *rows, size_t size)
{
    rows->start += size;
    rows->offset += size;
}

/* What is left of a line whose start was longer than a line may be. */
static int skip_rest(struct csv_rows *rows, struct error *err)
{
    for (;;) {
        const char *at = rows->buffer + rows->start;
        const char *end = memchr(at, '\n', rows->end - rows->start);
        size_t n = 0;

        if (end != NULL) {
            take(rows, (size_t)(end - at) + 1);
            return 0;
        }
        take(rows, rows->end - rows->start);
        int ret = fill(rows, &n, err);
        if (ret < 0 || n == 0) {
            return ret;
        }
    }
}

/* 0, LINES_END or an error. A line over the limit has CSV_LINE_MAX + 1 bytes, and its rest is
 * skipped by the next call. */
static int read_line(struct csv_rows *rows, struct line *ret_line, struct error *err)
{
    for (;;) {
        size_t size = rows->end - rows->start;
        const char *at = rows->buffer + rows->start;
        const char *end = memchr(at, '\n', size);
        size_t n = 0;

        if (end != NULL || size == BUFFER_SIZE) {
            size = end != NULL ? (size_t)(end - at) : size;
            *ret_line = (struct line){rows->offset, at, size};
            take(rows, end != NULL ? size + 1 : size);
            return 0;
        }
        int ret = fill(rows, &n, err);
        if (ret < 0) {
            return ret;
        }
        if (n == 0 && size == 0) {
            return LINES_END;
        }
        if (n == 0) {
            *ret_line = (struct line){rows->offset, rows->buffer, size};
            take(rows, size);
            return 0;
        }
    }
}

/* The next line that is not blank. */
static int read_row(struct csv_rows *rows, struct line *ret_line, struct error *err)
{
    for (;;) {
        int ret = read_line(rows, ret_line, err);

        if (ret != 0 || !csv_is_blank(ret_line->text, ret_line->size, rows->separator)) {
            return ret;
        }
    }
}

static int end_row(struct csv_rows *rows, const struct line *line, struct error *err)
{
    return line->size > CSV_LINE_MAX ? skip_rest(rows, err) : 0;
}

static int read_header(struct csv_rows *rows, struct error *err)
{
    static const char mark[] = {'\xEF', '\xBB', '\xBF'}; /* of UTF-8, as spreadsheets do */
    struct line line;
    int ret = read_row(rows, &line, err);

    if (ret < 0) {
        return ret;
    }
    if (ret == LINES_END) {
        return error_set(err, -ENODATA, "there is nothing in it");
    }
    if (line.size > CSV_LINE_MAX || memchr(line.text, '\0', line.size) != NULL) {
        return error_set(err, -EINVAL, "its first line is no header");
    }
    if (line.size >= sizeof(mark) && memcmp(line.text, mark, sizeof(mark)) == 0) {
        line.text += sizeof(mark);
        line.size -= sizeof(mark);
    }
    rows->header = memory_format("%.*s", (int)line.size, line.text);
    return 0;
}

static int count(struct csv_rows *rows, struct error *err)
{
    struct line line;
    size_t n_index = 0;
    int ret;

    while ((ret = read_row(rows, &line, err)) == 0) {
        if (rows->n % INDEX_STEP == 0) {
            rows->index = memory_grow(rows->index, n_index, sizeof(*rows->index));
            rows->index[n_index++] = line.offset;
        }
        rows->n++;
        ret = end_row(rows, &line, err);
        if (ret < 0) {
            return ret;
        }
    }
    if (ret < 0) {
        return ret;
    }
    if (rows->n == 0) {
        return error_set(err, -ENODATA, "there is no row under its header");
    }
    rows->next = rows->n;
    return 0;
}

int csv_rows_open(const char *path, char separator, struct csv_rows *ret_rows,
                  struct error *err)
{
    struct csv_rows rows = {.separator = separator, .buffer = memory_new(BUFFER_SIZE, 1)};
    struct stat status;
    int ret;

    rows.fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (rows.fd < 0 || fstat(rows.fd, &status) < 0) {
        ret = error_set(err, -errno, "cannot read: %s", strerrordesc_np(errno));
    } else if (!S_ISREG(status.st_mode)) {
        ret = error_set(err, -EINVAL, "it is not a file");
    } else {
        ret = read_header(&rows, err);
        ret = ret < 0 ? ret : count(&rows, err);
    }
    if (ret < 0) {
        csv_rows_close(&rows);
        return error_wrap(err, "'%s'", path);
    }
    *ret_rows = rows;
    return 0;
}

void csv_rows_close(struct csv_rows *rows)
{
    if (rows->buffer != NULL) {
        file_closep(&rows->fd);
    }
    free(rows->header);
    free(rows->index);
    free(rows->buffer);
    *rows = (struct csv_rows){0};
}

int csv_rows_read(struct csv_rows *rows, uint64_t row, const char **ret_line, size_t *ret_size,
                  struct error *err)
{
    struct line line = {0};

    if (row != rows->next) {
        rows->next = row - row % INDEX_STEP;
        go_to(rows, rows->index[row / INDEX_STEP]);
    }
    while (rows->next <= row) {
        int ret = read_row(rows, &line, err);

        if (ret == LINES_END) {
            ret = error_set(err, -EIO, "the file became shorter");
        }
        if (ret < 0) {
            rows->next = UINT64_MAX;
            return ret;
        }
        rows->next++;
        if (rows->next <= row && (ret = end_row(rows, &line, err)) < 0) {
            rows->next = UINT64_MAX;
            return ret;
        }
    }
    *ret_line = line.text;
    *ret_size = line.size < CSV_LINE_MAX ? line.size : CSV_LINE_MAX;
    if (line.size > CSV_LINE_MAX) {
        rows->next = UINT64_MAX; /* its rest is still to be skipped */
    }
    return 0;
}
