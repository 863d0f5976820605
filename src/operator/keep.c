#include "operator/keep.h"

#include <stdlib.h>
#include <string.h>

static void put(struct keep *keep, const void *bytes, size_t size)
{
    if (size > keep->room - keep->size) {
        keep->room = 2 * (keep->size + size);
        char *grown = realloc(keep->bytes, keep->room);

        if (grown == NULL) {
            abort();
        }
        keep->bytes = grown;
    }
    memcpy(keep->bytes + keep->size, bytes, size);
    keep->size += size;
}

void keep_begin(struct brume_call *call, struct keep *keep, const struct brume_param *params)
{
    *keep = (struct keep){0};
    for (const struct brume_param *row = params; row->name != NULL; row++) {
        keep_text(keep, row->name);
        keep_text(keep, brume_param(call, row->name));
    }
}

void keep_u64(struct keep *keep, uint64_t number)
{
    unsigned char bytes[8];

    for (int i = 0; i < 8; i++) {
        bytes[i] = (unsigned char)(number >> 8 * i);
    }
    put(keep, bytes, sizeof(bytes));
}

void keep_f64(struct keep *keep, double number)
{
    uint64_t bits;

    memcpy(&bits, &number, sizeof(bits));
    keep_u64(keep, bits);
}

void keep_text(struct keep *keep, const char *text)
{
    put(keep, text, strlen(text) + 1);
}

void keep_end(struct brume_call *call, struct keep *keep)
{
    brume_save(call, keep->bytes, keep->size);
    free(keep->bytes);
    *keep = (struct keep){0};
}

void kept_begin(struct brume_call *call, struct kept *kept, const struct brume_param *params)
{
    *kept = (struct kept){0};
    kept->at = brume_saved(call, &kept->left);
    for (const struct brume_param *row = params; row->name != NULL; row++) {
        if (strcmp(kept_text(kept), row->name) != 0 ||
            strcmp(kept_text(kept), brume_param(call, row->name)) != 0) {
            kept->torn = true;
        }
    }
}

uint64_t kept_u64(struct kept *kept, uint64_t most)
{
    uint64_t number = 0;

    if (kept->torn || kept->left < 8) {
        kept->torn = true;
        return 0;
    }
    for (int i = 0; i < 8; i++) {
        number |= (uint64_t)(unsigned char)kept->at[i] << 8 * i;
    }
    kept->at += 8;
    kept->left -= 8;
    kept->torn = number > most;
    return kept->torn ? 0 : number;
}

size_t kept_count(struct kept *kept, uint64_t most, size_t size)
{
    uint64_t n = kept_u64(kept, most);

    if (n > kept->left / size) {
        kept->torn = true;
        return 0;
    }
    return (size_t)n;
}

double kept_f64(struct kept *kept)
{
    uint64_t bits = kept_u64(kept, UINT64_MAX);
    double number;

    memcpy(&number, &bits, sizeof(number));
    return number;
}

const char *kept_text(struct kept *kept)
{
    const char *text = kept->at;
    const char *end = kept->torn || kept->left == 0 ? NULL : memchr(text, '\0', kept->left);

    if (end == NULL) {
        kept->torn = true;
        return "";
    }
    kept->left -= (size_t)(end + 1 - text);
    kept->at = end + 1;
    return text;
}

int kept_end(struct brume_call *call, const struct kept *kept)
{
    if (kept->torn || kept->left > 0) {
        return brume_fail(call, "what was kept is damaged, or of an operator set otherwise");
    }
    return 0;
}
