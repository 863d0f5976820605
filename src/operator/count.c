/* Counts boxes by label: from pictures to numbers, which is all that need leave the edge. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "operator/boxes.h"
#include "operator/builtin.h"

static const struct brume_param params[] = {
    {"label", BRUME_TEXT, "", "count these, comma-separated; all that are there when left out",
     NULL, 0, 0},
    {"threshold", BRUME_NUMBER, "0", "least score of a box that counts", NULL, 0, 1},
    {0},
};

static const struct brume_port inputs[] = {
    {"in", BRUME_BOXES, "what was found"},
    {0},
};

static const struct brume_port outputs[] = {
    {"out", BRUME_VALUE,
     "a number for each label asked for, 0 too; or for each that was found"},
    {0},
};

/* Names and how often each was seen. */
struct tally {
    size_t n;
    char *names[BOXES_MAX];
    double counts[BOXES_MAX];
};

static void tally_finish(struct tally *tally)
{
    for (size_t i = 0; i < tally->n; i++) {
        free(tally->names[i]);
    }
}

static double *find(struct tally *tally, const char *name, bool add)
{
    for (size_t i = 0; i < tally->n; i++) {
        if (strcmp(tally->names[i], name) == 0) {
            return &tally->counts[i];
        }
    }
    if (!add || tally->n == BOXES_MAX) {
        return NULL;
    }
    tally->names[tally->n] = memory_text(name);
    tally->counts[tally->n] = 0;
    return &tally->counts[tally->n++];
}

static void ask_for(struct tally *tally, const char *list)
{
    while (*list != '\0') {
        size_t length = strcspn(list, ",");
        const char *start = list + strspn(list, " ");
        size_t size = length - (size_t)(start - list);

        while (size > 0 && start[size - 1] == ' ') {
            size--;
        }
        cleanup(memory_free) char *name = memory_format("%.*s", (int)size, start);
        if (size > 0) {
            find(tally, name, true);
        }
        list += length + (list[length] == ',');
    }
}

static int infer(struct brume_call *call)
{
    uint32_t unknown = 0;

    brume_output(call, 0, BRUME_F64, 1, &unknown);
    brume_output(call, 0, BRUME_U8, 1, &unknown);
    return 0;
}

static int output(struct brume_call *call, const struct tally *tally)
{
    uint32_t n = (uint32_t)tally->n;
    uint32_t size = 0;

    for (size_t i = 0; i < tally->n; i++) {
        size += (uint32_t)strlen(tally->names[i]) + 1;
    }
    const struct brume_tensor *values = brume_output(call, 0, BRUME_F64, 1, &n);
    const struct brume_tensor *names = brume_output(call, 0, BRUME_U8, 1, &size);
    if (values == NULL || names == NULL) {
        return brume_fail(call, "no memory for %u counts", n);
    }
    memcpy(values->data, tally->counts, n * sizeof(double));
    char *to = names->data;
    for (size_t i = 0; i < tally->n; i++) {
        size_t length = strlen(tally->names[i]);

        memcpy(to, tally->names[i], length);
        to[length] = '\n';
        to += length + 1;
    }
    return 0;
}

static int process(struct brume_call *call, void *state)
{
    cleanup(boxes_input_finishp) struct boxes_input boxes = {0};
    cleanup(tally_finish) struct tally tally = {.n = 0};
    const char *asked = brume_param(call, "label");
    float threshold = (float)brume_param_number(call, "threshold");
    (void)state;

    int ret = boxes_input(call, 0, &boxes);
    if (ret < 0) {
        return ret;
    }
    ask_for(&tally, asked);
    for (size_t i = 0; i < boxes.n; i++) {
        if (boxes.rows[i * BOXES_ROW + 4] >= threshold) {
            double *counted = find(&tally, boxes_label(&boxes, i), *asked == '\0');

            if (counted != NULL) {
                *counted += 1;
            }
        }
    }
    return output(call, &tally);
}

const struct brume_operator builtin_count = {
    .abi = BRUME_ABI,
    .name = "count",
    .summary = "counts boxes by label",
    .params = params,
    .inputs = inputs,
    .outputs = outputs,
    .infer = infer,
    .process = process,
};
