#include "operator/planes.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "base/memory.h"
#include "operator/packing.h"

enum {
    SAMPLES = 2048,    /* elements that are looked at */
    BLOCK = 128 << 10, /* that a block of zstd holds at most, */
    BLOCK_LEAST = 4,   /* and the bytes it takes at least: a header and what is repeated */
};

struct planes {
    ZSTD_CCtx *packer;
    ZSTD_DCtx *unpacker;
    size_t n_split, n_packed;
    void *split, *packed;
};

struct planes *planes_create(void)
{
    return memory_new(1, sizeof(struct planes));
}

void planes_destroy(struct planes *planes)
{
    if (planes != NULL) {
        ZSTD_freeCCtx(planes->packer);
        ZSTD_freeDCtx(planes->unpacker);
        free(planes->split);
        free(planes->packed);
        free(planes);
    }
}

/* Makes a buffer at least so large; what was in it is gone. */
static int enlarge(void **buffer, size_t *size, size_t wanted)
{
    if (*size >= wanted) {
        return 0;
    }
    free(*buffer);
    *buffer = malloc(wanted);
    *size = *buffer != NULL ? wanted : 0;
    return *buffer != NULL ? 0 : -ENOMEM;
}

/* Whether more than an eighth of the elements, by some of them, are zero. */
static int many_zeros(const uint8_t *from, const struct planes_form *form)
{
    static const uint8_t zero[sizeof(uint64_t)];
    size_t step = form->n / SAMPLES + 1, zeros = 0, seen = 0;

    for (size_t i = 0; i < form->n; i += step) {
        zeros += memcmp(from + i * form->width, zero, form->width) == 0;
        seen++;
    }
    return zeros * 8 > seen;
}

long planes_pack(struct planes *planes, const void *from, struct planes_form *form,
                 const void **ret_bytes)
{
    size_t size = form->n * form->width, most = size - size / 16;

    if (size < PLANES_LEAST) {
        return 0;
    }
    form->split = form->width > 1 && !many_zeros(from, form);
    if (planes->packer == NULL) {
        planes->packer = ZSTD_createCCtx();
    }
    if (planes->packer == NULL || enlarge(&planes->packed, &planes->n_packed, most) < 0 ||
        (form->split && enlarge(&planes->split, &planes->n_split, size) < 0)) {
        return -ENOMEM;
    }
    if (form->split) {
        packing_split(from, form->n, form->width, planes->split);
        from = planes->split;
    }
    size_t packed =
        ZSTD_compressCCtx(planes->packer, planes->packed, most, from, size, PLANES_LEVEL);

    *ret_bytes = planes->packed;
    return ZSTD_isError(packed) ? 0 : (long)packed; /* the error: it does not fit */
}

int planes_plausible(const void *from, size_t size, const struct planes_form *form)
{
    size_t wanted = form->n * form->width;

    return wanted >= PLANES_LEAST && wanted / BLOCK <= size / BLOCK_LEAST &&
           ZSTD_getFrameContentSize(from, size) == wanted &&
           ZSTD_findFrameCompressedSize(from, size) == size;
}

int planes_unpack(struct planes *planes, const void *from, size_t size,
                  const struct planes_form *form, void *to)
{
    size_t wanted = form->n * form->width;

    if (!planes_plausible(from, size, form)) {
        return -EBADMSG;
    }
    if (planes->unpacker == NULL) {
        planes->unpacker = ZSTD_createDCtx();
    }
    if (planes->unpacker == NULL ||
        (form->split && enlarge(&planes->split, &planes->n_split, wanted) < 0)) {
        return -ENOMEM;
    }
    void *bytes = form->split ? planes->split : to;

    if (ZSTD_decompressDCtx(planes->unpacker, bytes, wanted, from, size) != wanted) {
        return -EBADMSG;
    }
    if (form->split) {
        packing_join(bytes, form->n, form->width, to);
    }
    return 0;
}
