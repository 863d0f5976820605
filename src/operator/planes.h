/* Bytes in fewer bytes, and nothing lost: zstd at level 1 over the byte planes of the elements
 * (all first bytes, then all second ones, …). The exponents of neighbouring numbers are alike
 * and the last bits of their fractions are noise: side by side each can be seen as what it is.
 * Where many numbers are zero (behind a ReLU) planes would tear them apart, so those stay as
 * they lie.
 *
 * planes_pack() gives what planes_unpack() takes. The memory of both grows with the largest
 * tensor seen and is kept for the next one.
 */
#ifndef OPERATOR_PLANES_H
#define OPERATOR_PLANES_H

#include <stddef.h>

struct planes;

enum {
    PLANES_LEAST = 512, /* bytes; of fewer there is nothing to be saved */
    PLANES_LEVEL = 1,   /* of zstd */
};

struct planes *planes_create(void);
void planes_destroy(struct planes *planes); /* accepts NULL */

/* Bytes that are n elements of `width` bytes (1, 2, 4 or 8), split into planes or not. */
struct planes_form {
    size_t n, width;
    int split;
};

/* Compresses n elements of `width` bytes, and says whether it has split them. Returns the size
 * of the result, which is the planes' own until the next call; 0: it would not be smaller by a
 * sixteenth, the least that pays. -ENOMEM. */
long planes_pack(struct planes *planes, const void *from, struct planes_form *form,
                 const void **ret_bytes);

/* Whether `size` bytes may be what planes_pack() made of so much: to be asked before there is
 * memory for that. */
int planes_plausible(const void *from, size_t size, const struct planes_form *form);

/* Undoes it; -EBADMSG: they are not, -ENOMEM. */
int planes_unpack(struct planes *planes, const void *from, size_t size,
                  const struct planes_form *form, void *to);

#endif
