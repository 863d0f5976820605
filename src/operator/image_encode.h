/* Pictures as JPEG or PNG, for the plug-ins that link the encoders' libraries. */
#ifndef OPERATOR_IMAGE_ENCODE_H
#define OPERATOR_IMAGE_ENCODE_H

#include <brume/operator.h>

struct encoder;

/* The parameters that whoever encodes has in its table: ENCODE_PARAMS. */
#define ENCODE_PARAMS                                                             \
    {"format", BRUME_CHOICE, "jpeg", "of the encoded picture", "jpeg|png", 0, 0}, \
    {                                                                             \
        "quality", BRUME_INTEGER, "90", "of a JPEG", NULL, 1, 100                 \
    }

/* NULL when there is no memory. */
struct encoder *encoder_create(void);
void encoder_destroy(struct encoder *encoder); /* accepts NULL */

/* Encodes input 0, a picture, as the call's parameters say; or brume_fail(). The bytes are
 * valid until the next call. */
int encoder_run(struct encoder *encoder, struct brume_call *call, const void **ret_bytes,
                size_t *ret_size);

#endif
