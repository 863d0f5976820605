/* Turns what sensors send into readings. What is no reading of the schema goes on as it came,
 * to port `malformed`; the first of them and then one in a thousand is told on the terminal
 * with the reason. What a payload may look like says payload.h. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "operator/builtin.h"
#include "operator/messages.h"
#include "operator/payload.h"
#include "operator/readings.h"

enum { PORT_OUT, PORT_MALFORMED };
enum { SAY_EVERY = 1000 };

static const struct brume_param params[] = {
    {"format", BRUME_CHOICE, "auto", "how messages are written; `auto` looks at each",
     "auto|json|csv|number", 0, 0},
    {"schema", BRUME_TEXT, "",
     "the types there are, such as `CO:number,door:switch`; any when left out", NULL, 0, 0},
    {"fields", BRUME_TEXT, "time,type,value",
     "of a row of CSV: time, type, device, value, or a type whose value stands there", NULL, 0,
     0},
    {"time", BRUME_CHOICE, "message",
     "whose time: what the message says, else when it arrived; or always when it arrived",
     "message|arrival", 0, 0},
    {0},
};

static const struct brume_port inputs[] = {
    {"in", BRUME_ANY, "messages, or bytes: one message without a topic"},
    {0},
};

static const struct brume_port outputs[] = {
    {"out", BRUME_READINGS, "the readings of all messages"},
    {"malformed", BRUME_MESSAGES, "the messages that could not be understood"},
    {0},
};

struct parser {
    struct payload_rules rules;
    bool time_is_arrival;
    uint64_t n_malformed;
};

static int infer(struct brume_call *call)
{
    const struct brume_tensor *in = brume_input(call, 0, 0);

    if (in != NULL && (in->type != BRUME_U8 || in->rank != 1)) {
        return brume_fail(call, "wants messages: u8[p], i64[n] and u8[m]; or bytes: u8[n]");
    }
    readings_infer(call, 1);
    return messages_writer_infer(call, PORT_MALFORMED);
}

static void close_parser(void *state)
{
    struct parser *parser = state;

    payload_rules_finish(&parser->rules);
    free(parser);
}

static enum payload_format format_of(const char *name)
{
    switch (*name) {
    case 'j':
        return PAYLOAD_JSON;
    case 'c':
        return PAYLOAD_CSV;
    case 'n':
        return PAYLOAD_NUMBER;
    default:
        return PAYLOAD_AUTO;
    }
}

static int open_parser(struct brume_call *call, void **ret_state)
{
    struct payload_rules rules;
    struct error err;

    if (payload_rules_init(format_of(brume_param(call, "format")), brume_param(call, "schema"),
                           brume_param(call, "fields"), &rules, &err) < 0) {
        return brume_fail(call, "%s", err.text);
    }
    struct parser *parser = memory_new(1, sizeof(*parser));
    parser->rules = rules;
    parser->time_is_arrival = strcmp(brume_param(call, "time"), "arrival") == 0;
    *ret_state = parser;
    return 0;
}

static void tell(struct brume_call *call, struct parser *parser, const char *topic,
                 const char *why)
{
    brume_left_out(call, 1);
    if (parser->n_malformed++ % SAY_EVERY == 0) {
        brume_say(call, "%s %llu: malformed%s%.200s: %s (%llu so far)", brume_name(call),
                  (unsigned long long)brume_sequence(call), *topic != '\0' ? " from " : "",
                  topic, why, (unsigned long long)parser->n_malformed);
    }
}

static int process(struct brume_call *call, void *state)
{
    cleanup(messages_input_finishp) struct messages_input messages = {0};
    cleanup(messages_writer_finishp) struct messages_writer malformed = {0};
    cleanup(readings_out_finishp) struct readings_out readings = {0};
    struct parser *parser = state;
    struct payload_origin origin = {.arrival = (double)brume_captured_ns(call) / 1e9,
                                    .time_is_arrival = parser->time_is_arrival};
    int ret = messages_input(call, 0, &messages);

    for (size_t i = 0; ret == 0 && i < messages.n; i++) {
        cleanup(payload_finishp) struct payload payload = {0};
        struct error err;
        size_t size;
        const char *bytes = messages_payload(&messages, i, &size);

        origin.topic = messages.topics[i];
        if (payload_read(&parser->rules, bytes, size, &origin, &payload, &err) < 0) {
            tell(call, parser, origin.topic, err.text);
            messages_writer_add(&malformed, bytes, size, origin.topic);
        }
        for (size_t k = 0; k < payload.n; k++) {
            const struct payload_reading *reading = &payload.readings[k];

            readings_add(&readings, &(struct reading){reading->time, reading->value,
                                                      reading->type, reading->device});
        }
    }
    ret = ret < 0 ? ret : readings_output(call, PORT_OUT, &readings);
    return ret < 0 ? ret : messages_writer_output(call, PORT_MALFORMED, &malformed);
}

const struct brume_operator builtin_parse = {
    .abi = BRUME_ABI,
    .name = "parse",
    .summary = "turns what sensors send into readings: JSON, CSV, numbers",
    .params = params,
    .inputs = inputs,
    .outputs = outputs,
    .infer = infer,
    .open = open_parser,
    .process = process,
    .close = close_parser,
};
