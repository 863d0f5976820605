/* `brume sense`: plays a crowd of sensors to a broker. It is a source and an MQTT sink, run
 * here one after the other: what it can read and how it publishes is what these operators can.
 */
#include <argp.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/quantity.h"
#include "cli/command.h"
#include "operator/call.h"
#include "operator/registry.h"

enum { OPTION_BROKER = 256, OPTION_TOPIC, OPTION_QOS, OPTION_FRAMES, PARAMS_MAX = 32 };
enum { NAP_MS = 100 }; /* the longest that Ctrl-C waits for */

static const struct argp_option options[] = {
    {"file", 'f', "CSV", 0, "Readings from a table (csv-source), not made up (sensor-source)",
     0},
    {"broker", OPTION_BROKER, "HOST:PORT", 0, "Where to publish; 127.0.0.1:1883 by default", 0},
    {"topic", OPTION_TOPIC, "TOPIC", 0,
     "With {type} and {device}; scale/{device}/{type} by default", 0},
    {"qos", OPTION_QOS, "0|1|2", 0, "Quality of service; 1 by default", 0},
    {"frames", OPTION_FRAMES, "N", 0, "Stop after N rounds of readings", 0},
    {0},
};

struct params {
    size_t n;
    struct operator_param list[PARAMS_MAX];
};

struct sense {
    const char *source;
    struct params from, to;
    int64_t frames;  /* 0: until the source ends */
    char client[96]; /* at the broker, which lets only one of a name in */
};

static volatile sig_atomic_t interrupted;

static void interrupt(int signal)
{
    (void)signal;
    interrupted = 1;
}

static void add(struct params *params, const char *name, const char *value,
                struct argp_state *state)
{
    if (params->n == PARAMS_MAX) {
        argp_error(state, "more than %d parameters", PARAMS_MAX);
    }
    params->list[params->n++] = (struct operator_param){name, value};
}

/* KEY=VALUE, a parameter of the source. */
static void add_pair(struct sense *sense, char *pair, struct argp_state *state)
{
    char *equals = strchr(pair, '=');

    if (equals == NULL || equals == pair) {
        argp_error(state, "the sensors take KEY=VALUE, not '%s'", pair);
        return;
    }
    *equals = '\0';
    add(&sense->from, pair, equals + 1, state);
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct sense *sense = state->input;

    switch (key) {
    case 'f':
        sense->source = "csv-source";
        add(&sense->from, "path", argument, state);
        return 0;
    case OPTION_BROKER:
        add(&sense->to, "broker", argument, state);
        return 0;
    case OPTION_TOPIC:
        add(&sense->to, "topic", argument, state);
        return 0;
    case OPTION_QOS:
        add(&sense->to, "qos", argument, state);
        return 0;
    case OPTION_FRAMES:
        if (quantity_integer(argument, &sense->frames) < 0 || sense->frames < 1) {
            argp_error(state, "--frames takes a whole number from 1, not '%s'", argument);
        }
        return 0;
    case ARGP_KEY_END: /* the first of a name counts */
        add(&sense->to, "client", sense->client, state);
        add(&sense->to, "topic", "scale/{device}/{type}", state);
        return 0;
    case ARGP_KEY_ARG:
        add_pair(sense, argument, state);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp argp = {
    options,
    parse,
    "[KEY=VALUE...]",
    "Publishes readings of sensors to an MQTT broker, as JSON. KEY=VALUE are parameters of the "
    "operator that gives them: `brume operators sensor-source`, or csv-source with --file.",
    NULL,
    NULL,
    NULL};

/* What the table does not know would be passed over in silence. */
static int check_known(const struct brume_operator *type, const struct params *params,
                       struct error *err)
{
    for (size_t i = 0; i < params->n; i++) {
        const struct brume_param *row = type->params;

        while (row != NULL && row->name != NULL &&
               strcmp(row->name, params->list[i].name) != 0) {
            row++;
        }
        if (row == NULL || row->name == NULL) {
            return error_set(err, -EINVAL, "%s has no parameter '%s': `brume operators %s`",
                             type->name, params->list[i].name, type->name);
        }
    }
    return 0;
}

static int open_end(const char *use, const struct params *params,
                    struct operator_instance **ret_instance, struct error *err)
{
    struct operator_setup setup = {.name = use, .n_params = params->n, .params = params->list};
    int r = registry_find(use, &setup.type, err);

    r = r < 0 ? r : check_known(setup.type, params, err);
    return r < 0 ? r : operator_open(&setup, ret_instance, err);
}

static void nap(uint64_t ms)
{
    usleep((useconds_t)((ms < NAP_MS ? ms : NAP_MS) * 1000));
}

static void tell(const struct operator_result *result)
{
    for (size_t i = 0; i < result->n_said; i++) {
        fprintf(stderr, "%s\n", result->said[i]);
    }
}

/* Until the broker has it, whatever becomes of the connection meanwhile. */
static int send_on(struct operator_instance *sink, uint64_t sequence,
                   struct frame *const *readings, struct error *err)
{
    int r = OPERATOR_LATER;

    while (r == OPERATOR_LATER && !interrupted) {
        cleanup(operator_result_finish) struct operator_result sent = {0};

        r = operator_process(sink, sequence, readings, &sent, err);
        tell(&sent);
    }
    return r;
}

/* One round of readings from the source to the broker; 0, OPERATOR_END, OPERATOR_LATER or an
 * error. */
static int pass_on(struct operator_instance *source, struct operator_instance *sink,
                   uint64_t sequence, size_t *n_readings, struct error *err)
{
    cleanup(operator_result_finish) struct operator_result made = {0};
    int r = operator_process(source, sequence, NULL, &made, err);

    if (r == OPERATOR_LATER) {
        nap(made.wait_ms);
    }
    if (r != 0 || made.outputs[0]->n_tensors == 0) {
        return r;
    }
    *n_readings += made.outputs[0]->tensors[0]->shape.dims[0];
    return send_on(sink, sequence, made.outputs, err);
}

static int publish(const struct sense *sense, struct error *err)
{
    cleanup(operator_closep) struct operator_instance *source = NULL;
    cleanup(operator_closep) struct operator_instance *sink = NULL;
    uint64_t sequence = 0, began_ns = clock_ns();
    size_t n_readings = 0;
    int r = open_end(sense->source, &sense->from, &source, err);

    r = r < 0 ? r : open_end("mqtt-sink", &sense->to, &sink, err);
    while (r == 0 && !interrupted &&
           (sense->frames == 0 || sequence < (uint64_t)sense->frames)) {
        r = pass_on(source, sink, sequence, &n_readings, err);
        sequence += r == 0;
        r = r == OPERATOR_LATER ? 0 : r;
    }
    if (r >= 0) {
        double seconds = (double)(clock_ns() - began_ns) / 1e9;
        printf("%zu readings in %llu rounds, %.1f s: %.0f readings/s\n", n_readings,
               (unsigned long long)sequence, seconds, (double)n_readings / seconds);
    }
    return r < 0 ? r : 0;
}

static int run(int argc, char **argv)
{
    struct sense sense = {.source = "sensor-source"};
    struct sigaction action = {.sa_handler = interrupt};
    struct error err;
    char host[64] = "";

    gethostname(host, sizeof(host) - 1);
    snprintf(sense.client, sizeof(sense.client), "brume-sense-%s-%d", host, (int)getpid());
    argp_parse(&argp, argc, argv, 0, NULL, &sense);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    return publish(&sense, &err) < 0 ? command_fail(&err) : EX_OK;
}

const struct command command_sense = {"sense", "Play sensors to an MQTT broker", run};
