/* Pictures of seeded noise, for timing networks where there are no photographs.
 *
 * One picture is made and shared by all frames: the source costs nothing.
 */
#include <stdlib.h>

#include "base/base.h"
#include "base/clock.h"
#include "base/memory.h"
#include "operator/builtin.h"
#include "operator/pace.h"
#include "operator/picture.h"
#include "tensor/tensor.h"

static const struct brume_param params[] = {
    {"size", BRUME_SIZE, "416x416", "width x height in pixels", NULL, 0, 0},
    {"seed", BRUME_INTEGER, "1", "the same seed gives the same picture", NULL, 0, 0},
    {"frames", BRUME_INTEGER, "0", "how many there are; 0: no end", NULL, 0, 1e15},
    {"rate", BRUME_RATE, "", "frames per time; as fast as they are taken when left out", NULL,
     1e-6, 1e6},
    {0},
};

static const struct brume_port outputs[] = {
    {"out", BRUME_PICTURE, "noise"},
    {0},
};

struct noise {
    unsigned refs; /* the source's own and one per frame under way */
    uint64_t end;  /* first sequence number that there is not */
    uint32_t width, height;
    uint8_t *pixels;
    struct pace pace;
};

static int infer(struct brume_call *call)
{
    uint32_t width;
    uint32_t height;

    brume_param_size(call, "size", &width, &height);
    return picture_infer(call, width, height);
}

static void unref(void *owner)
{
    struct noise *noise = owner;

    if (__atomic_sub_fetch(&noise->refs, 1, __ATOMIC_ACQ_REL) == 0) {
        free(noise->pixels);
        free(noise);
    }
}

/* xorshift64* (Vigna 2016), whose state must not be 0. */
static void fill(uint8_t *pixels, size_t size, uint64_t seed)
{
    uint64_t state = seed * 0x9E3779B97F4A7C15U + 1;

    state = state == 0 ? 1 : state;
    for (size_t i = 0; i < size; i++) {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        pixels[i] = (uint8_t)((state * 0x2545F4914F6CDD1DU) >> 56);
    }
}

static int open_noise(struct brume_call *call, void **ret_state)
{
    enum { ALIGNMENT = 64 };
    uint32_t width;
    uint32_t height;

    brume_param_size(call, "size", &width, &height);
    size_t size = (size_t)width * height * 3;
    size_t rounded = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    uint8_t *pixels = size <= TENSOR_SIZE_MAX ? aligned_alloc(ALIGNMENT, rounded) : NULL;
    if (pixels == NULL) {
        return brume_fail(call, "no memory for a picture of %ux%u pixels", width, height);
    }
    fill(pixels, size, (uint64_t)brume_param_integer(call, "seed"));

    struct noise *noise = memory_new(1, sizeof(*noise));
    uint64_t frames = (uint64_t)brume_param_integer(call, "frames");
    *noise = (struct noise){
        .refs = 1,
        .end = frames > 0 ? frames : UINT64_MAX,
        .width = width,
        .height = height,
        .pixels = pixels,
        .pace.per_second = brume_rehearsal(call) ? 0 : brume_param_number(call, "rate"),
    };
    *ret_state = noise;
    return 0;
}

static int process(struct brume_call *call, void *state)
{
    struct noise *noise = state;
    struct brume_tensor picture = {
        .type = BRUME_U8,
        .rank = 3,
        .shape = {noise->height, noise->width, 3},
        .data = noise->pixels,
    };
    struct brume_view view = {noise->width, noise->height, 1, 1, 0, 0};
    uint64_t sequence = brume_sequence(call);

    if (sequence >= noise->end) {
        return BRUME_END;
    }
    uint64_t wait_ms = pace_wait_ms(&noise->pace, sequence, clock_ns());
    if (wait_ms > 0) {
        brume_wait(call, wait_ms);
        return BRUME_LATER;
    }
    __atomic_fetch_add(&noise->refs, 1, __ATOMIC_RELAXED);
    int ret = brume_output_adopt(call, 0, &picture, unref, noise);
    if (ret < 0) {
        unref(noise);
        return ret;
    }
    brume_set_view(call, 0, &view);
    return 0;
}

const struct brume_operator builtin_noise_source = {
    .abi = BRUME_ABI,
    .name = "noise-source",
    .summary = "gives pictures of seeded noise, for timing",
    .params = params,
    .outputs = outputs,
    .infer = infer,
    .open = open_noise,
    .process = process,
    .close = unref,
};
