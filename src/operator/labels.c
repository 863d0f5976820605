#include "operator/labels.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"

enum { FILE_MAX = 4 << 20 };

static char *trim(char *line, char *end)
{
    while (end > line && isspace((unsigned char)end[-1])) {
        end--;
    }
    *end = '\0';
    while (isspace((unsigned char)*line)) {
        line++;
    }
    return line;
}

/* Cuts labels->text into lines. */
static int split(struct labels *labels, struct error *err)
{
    char *at = labels->text;

    while (*at != '\0') {
        char *end = at + strcspn(at, "\n");
        char *next = *end == '\n' ? end + 1 : end;

        if (labels->n == LABELS_MAX) {
            return error_set(err, -E2BIG, "over %d labels", LABELS_MAX);
        }
        labels->names = memory_grow(labels->names, labels->n, sizeof(*labels->names));
        labels->names[labels->n++] = trim(at, end);
        if (!text_is_utf8(labels->names[labels->n - 1])) {
            return error_set(err, -EILSEQ, "line %zu is not UTF-8", labels->n);
        }
        at = next;
    }
    while (labels->n > 0 && *labels->names[labels->n - 1] == '\0') {
        labels->n--;
    }
    return 0;
}

static int finish_split(struct labels *labels, struct labels *ret_labels, struct error *err)
{
    int ret = split(labels, err);

    if (ret < 0) {
        labels_finish(labels);
        return ret;
    }
    *ret_labels = *labels;
    return 0;
}

int labels_parse(const char *text, size_t size, struct labels *ret_labels, struct error *err)
{
    struct labels labels = {0};

    if (size > FILE_MAX) {
        return error_set(err, -E2BIG, "labels of %zu bytes", size);
    }
    labels.text = memory_new(size + 1, 1);
    if (size > 0) {
        memcpy(labels.text, text, size);
    }
    return finish_split(&labels, ret_labels, err);
}

int labels_load(const char *path, struct labels *ret_labels, struct error *err)
{
    struct labels labels = {0};
    void *text = NULL;
    size_t size;
    int ret = file_read(path, FILE_MAX, &text, &size, err);

    if (ret < 0) {
        return ret;
    }
    labels.text = text;
    ret = finish_split(&labels, ret_labels, err);
    if (ret == 0 && ret_labels->n == 0) {
        labels_finish(ret_labels);
        ret = error_set(err, -EINVAL, "no labels in it");
    }
    return ret < 0 ? error_wrap(err, "%s", path) : 0;
}

void labels_finish(struct labels *labels)
{
    free(labels->names);
    free(labels->text);
    *labels = (struct labels){0};
}

void labels_finishp(struct labels *labels)
{
    labels_finish(labels);
}
