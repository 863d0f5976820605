/* Blurs a picture: each pixel becomes the mean of the square around it. An example of an
 * operator written outside brume; it needs brume/operator.h and nothing else. */
#include <brume/operator.h>
#include <stdlib.h>

static const struct brume_param params[] = {
    {"radius", BRUME_INTEGER, "2", "how far the square reaches, in pixels", NULL, 1, 100},
    {0},
};

static const struct brume_port inputs[] = {
    {"in", BRUME_PICTURE, "a picture"},
    {0},
};

static const struct brume_port outputs[] = {
    {"out", BRUME_PICTURE, "the same, blurred"},
    {0},
};

/* The picture that comes out has the shape of the one that goes in. */
static int infer(struct brume_call *call)
{
    const struct brume_tensor *in = brume_input(call, 0, 0);

    if (in != NULL) {
        brume_output(call, 0, in->type, in->rank, in->shape);
    }
    return 0;
}

/* Writes the running mean of `n` values, `step` bytes apart; values past the ends do not count.
 */
static void blur_line(const uint8_t *from, uint8_t *to, long n, long step, long radius)
{
    long sum = 0, count = 0;

    for (long i = 0; i < radius && i < n; i++) {
        sum += from[i * step];
        count++;
    }
    for (long i = 0; i < n; i++) {
        if (i + radius < n) {
            sum += from[(i + radius) * step];
            count++;
        }
        to[i * step] = (uint8_t)(count > 0 ? sum / count : 0);
        if (i - radius >= 0) {
            sum -= from[(i - radius) * step];
            count--;
        }
    }
}

static int process(struct brume_call *call, void *state)
{
    const struct brume_tensor *in = brume_input(call, 0, 0);
    const struct brume_tensor *out = brume_output(call, 0, in->type, in->rank, in->shape);
    long radius = (long)brume_param_integer(call, "radius");
    long height = (long)in->shape[0];
    long width = (long)in->shape[1];
    uint8_t *rows = (uint8_t *)calloc((size_t)(height * width), 3);
    (void)state;

    if (out == NULL || rows == NULL) {
        free(rows);
        return brume_fail(call, "no memory for %ldx%ld pixels", width, height);
    }
    for (long i = 0; i < height * 3; i++) {
        long start = i / 3 * width * 3 + i % 3;

        blur_line((const uint8_t *)in->data + start, rows + start, width, 3, radius);
    }
    for (long i = 0; i < width * 3; i++) {
        blur_line(rows + i, (uint8_t *)out->data + i, height, width * 3, radius);
    }
    free(rows);
    return 0;
}

const struct brume_operator brume_exported_operator = {
    .abi = BRUME_ABI,
    .name = "blur",
    .summary = "blurs a picture",
    .params = params,
    .inputs = inputs,
    .outputs = outputs,
    .infer = infer,
    .process = process,
};
