#include "base/base64.h"

#include <openssl/evp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

char *base64_encode(const void *bytes, size_t size)
{
    char *base64 = memory_new((size + 2) / 3 * 4 + 1, 1);

    EVP_EncodeBlock((unsigned char *)base64, bytes, (int)size);
    return base64;
}

void *base64_decode(const char *base64, size_t *ret_size)
{
    size_t size = strlen(base64);
    unsigned char *bytes = memory_new(size + 4, 1);
    EVP_ENCODE_CTX *context = EVP_ENCODE_CTX_new();
    int n = 0, rest = 0;

    if (context == NULL) {
        abort();
    }
    EVP_DecodeInit(context);
    bool right =
        EVP_DecodeUpdate(context, bytes, &n, (const unsigned char *)base64, (int)size) >= 0 &&
        EVP_DecodeFinal(context, bytes + n, &rest) >= 0;
    EVP_ENCODE_CTX_free(context);
    *ret_size = right ? (size_t)n + (size_t)rest : 0;
    if (*ret_size == 0) {
        memory_wipe(&bytes);
    }
    return bytes;
}
