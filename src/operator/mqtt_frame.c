#include "operator/mqtt_frame.h"

#include <string.h>

int mqtt_frame_infer(struct brume_call *call)
{
    uint32_t unknown = 0;

    brume_output(call, 0, BRUME_U8, 1, &unknown);
    brume_output(call, 0, BRUME_I64, 1, &unknown);
    brume_output(call, 0, BRUME_U8, 1, &unknown);
    return 0;
}

int mqtt_frame_output(struct brume_call *call, const struct mqtt_batch *batch)
{
    uint32_t n = (uint32_t)batch->n;
    uint32_t size = 0;
    uint32_t lines_size = 0;

    for (size_t i = 0; i < n; i++) {
        size += batch->messages[i].size;
        lines_size += (uint32_t)strlen(batch->messages[i].topic) + 1;
    }
    const struct brume_tensor *payloads = brume_output(call, 0, BRUME_U8, 1, &size);
    const struct brume_tensor *ends = brume_output(call, 0, BRUME_I64, 1, &n);
    const struct brume_tensor *lines = brume_output(call, 0, BRUME_U8, 1, &lines_size);
    if (payloads == NULL || ends == NULL || lines == NULL) {
        return brume_fail(call, "no memory for %u messages", n);
    }
    int64_t end = 0;
    char *line = lines->data;
    for (size_t i = 0; i < n; i++) {
        const struct mqtt_message *message = &batch->messages[i];

        if (message->size > 0) {
            memcpy((char *)payloads->data + end, message->payload, message->size);
        }
        end += message->size;
        ((int64_t *)ends->data)[i] = end;
        size_t length = strlen(message->topic);
        memcpy(line, message->topic, length);
        for (char *at = line; (at = memchr(at, '\n', length - (size_t)(at - line))) != NULL;) {
            *at = ' ';
        }
        line += length;
        *line++ = '\n';
    }
    brume_set_captured_ns(call, batch->captured_ns);
    return 0;
}
