#include "net/hello.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"

enum { VERSION = 2 };

char *hello_to_text(const struct hello *hello)
{
    cleanup(json_decrefp) json_t *json = json_pack(
        "{sssssssisiss*}", "from", hello->from, "to", hello->to, "token", hello->token,
        "version", VERSION, "life", (int)hello->life, "address", hello->address);

    return json_dumps(json, JSON_COMPACT);
}

int hello_from_text(const void *text, size_t size, struct hello *ret_hello, struct error *err)
{
    cleanup(json_decrefp) json_t *json =
        text == NULL ? NULL : json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
    const char *from, *to, *token, *address = NULL;
    int version, life = 0;

    if (json == NULL ||
        json_unpack(json, "{sssssssis?is?s}", "from", &from, "to", &to, "token", &token,
                    "version", &version, "life", &life, "address", &address) < 0 ||
        life < 0) {
        return error_set(err, -EPROTO, "said hello in words that cannot be read");
    }
    if (version != VERSION) {
        return error_set(err, -EPROTO, "speaks version %d of the protocol, not %d", version,
                         VERSION);
    }
    *ret_hello = (struct hello){.from = memory_text(from),
                                .to = memory_text(to),
                                .token = memory_text(token),
                                .life = (unsigned)life,
                                .address = memory_text(address)};
    return 0;
}

void hello_finish(struct hello *hello)
{
    free(hello->from);
    free(hello->to);
    free(hello->token);
    free(hello->address);
    *hello = (struct hello){0};
}

bool hello_token_equal(const char *a, const char *b)
{
    size_t n = strlen(b);
    unsigned char different = 0;

    if (strlen(a) != n) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        different |= (unsigned char)(a[i] ^ b[i]);
    }
    return different == 0;
}
