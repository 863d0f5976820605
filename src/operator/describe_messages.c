#include "operator/describe_messages.h"

#include <stdio.h>

#include "base/memory.h"
#include "operator/messages.h"

enum { SHOWN_MAX = 4096, SHOWN_TOGETHER_MAX = 1 << 20, CHARACTER_MAX = 4 };

/* The longest part of the first `most` bytes that is UTF-8, if it is but for a torn end. */
static json_t *as_text(const char *bytes, size_t size, size_t most)
{
    size_t shown = size < most ? size : most;
    size_t least = shown < size && shown > CHARACTER_MAX ? shown - CHARACTER_MAX : shown;
    json_t *text = json_stringn(bytes, shown);

    while (text == NULL && shown > least) {
        text = json_stringn(bytes, --shown);
    }
    return text;
}

static json_t *as_hex(const char *bytes, size_t size, size_t most)
{
    size_t shown = size < most / 2 ? size : most / 2;
    cleanup(memory_free) char *hex = memory_new(2 * shown + 1, 1);

    for (size_t i = 0; i < shown; i++) {
        snprintf(hex + 2 * i, 3, "%02x", (unsigned char)bytes[i]);
    }
    return json_string(hex);
}

static json_t *describe(const char *topic, const char *bytes, size_t size, size_t most)
{
    json_t *message = json_pack("{sosI}", "topic", json_line(topic), "size", (json_int_t)size);
    json_t *text = as_text(bytes, size, most);

    if (text != NULL) {
        json_object_set_new(message, "text", text);
    } else {
        json_object_set_new(message, "hex", as_hex(bytes, size, most));
    }
    return message;
}

int describe_messages(struct brume_call *call, json_t *object)
{
    cleanup(messages_input_finishp) struct messages_input messages = {0};
    json_t *list = json_array();
    size_t left = SHOWN_TOGETHER_MAX;
    int ret = messages_input(call, 0, &messages);

    for (size_t i = 0; ret == 0 && i < messages.n; i++) {
        size_t size;
        const char *bytes = messages_payload(&messages, i, &size);
        size_t most = left < SHOWN_MAX ? left : SHOWN_MAX;

        json_array_append_new(list, describe(messages.topics[i], bytes, size, most));
        left -= size < most ? size : most;
    }
    json_object_set_new(object, "messages", list);
    return ret;
}
