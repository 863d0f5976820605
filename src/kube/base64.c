/* Base64 is OpenSSL's. */
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "kube/kubeconfig.h"

enum { SIZE_MOST = 1 << 20 };

char *kube_decode(const char *base64)
{
    size_t size = strlen(base64);
    cleanup(memory_wipe) char *text = malloc(size / 4 * 3 + 4);
    EVP_ENCODE_CTX *context = EVP_ENCODE_CTX_new();
    int n = 0, rest = 0;

    if (text == NULL || context == NULL || size > SIZE_MOST) {
        EVP_ENCODE_CTX_free(context);
        return NULL;
    }
    *text = '\0';
    EVP_DecodeInit(context);
    bool right = EVP_DecodeUpdate(context, (unsigned char *)text, &n,
                                  (const unsigned char *)base64, (int)size) >= 0 &&
                 EVP_DecodeFinal(context, (unsigned char *)text + n, &rest) >= 0;
    EVP_ENCODE_CTX_free(context);
    if (right) {
        text[n + rest] = '\0';
    }
    return right && strlen(text) == (size_t)(n + rest) && n + rest > 0 ? STEAL(text) : NULL;
}

char *kube_encode(const char *text)
{
    size_t size = strlen(text);
    char *base64 = memory_new(size / 3 * 4 + 5, 1);

    EVP_EncodeBlock((unsigned char *)base64, (const unsigned char *)text, (int)size);
    return base64;
}
