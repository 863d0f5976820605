/* Base64 is OpenSSL's. */
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "kube/kubeconfig.h"

enum { SIZE_MOST = 1 << 20 };

/* How many bytes; -1: it is no base64. */
static int decode(const char *base64, size_t size, unsigned char *bytes)
{
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
    return right ? n + rest : -1;
}

char *kube_decode(const char *base64)
{
    size_t size = strlen(base64);

    if (size > SIZE_MOST) {
        return NULL;
    }
    char *text = memory_new(size + 4, 1);
    int n = decode(base64, size, (unsigned char *)text);
    if (n <= 0 || strlen(text) != (size_t)n) {
        memory_wipe(&text);
    }
    return text;
}

char *kube_encode(const char *text)
{
    size_t size = strlen(text);
    char *base64 = memory_new((size + 2) / 3 * 4 + 1, 1);

    EVP_EncodeBlock((unsigned char *)base64, (const unsigned char *)text, (int)size);
    return base64;
}
