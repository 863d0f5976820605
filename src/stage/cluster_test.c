/* Whole deployments of cores in the virtual cluster: thousands of seeded schedules. A failing
 * seed is run again with its trace; BRUME_SEED=n runs that one alone. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/test.h"
#include "fixture/cluster.h"

enum { SEEDS = 18000, SHAPES = 9 };

/* "name:use:group:input,input.port" per operator, in topological order. */
static const char *const shapes[SHAPES][9] = {
    {"camera:source:a", "fit:o1:a:camera", "net:o1:b:fit", "out:sink:c:net"},
    {"camera:source:a", "fit:o1:b:camera", "net:o1:b:fit", "boxes:o1:b:net",
     "out:sink:c:boxes"},
    {"camera:source:a", "picture:o1:a:camera", "net:o1:b:picture", "net2:o1:c:net",
     "draw:o1:d:picture,net2", "out:sink:d:draw"},
    {"left:source:a", "right:source:b", "pair:o1:c:left,right", "net:o1:d:pair",
     "out:sink:e:net", "log:sink:c:pair"},
    {"camera:source:a", "seen:sink:a:camera", "net:o2:b:camera", "one:sink:c:net",
     "two:sink:d:net.1", "three:sink:d:net"},
    {"camera:source:a", "split:o2:b:camera", "x:o1:c:split", "y:o1:d:split.1,x",
     "z:o1:c:x,split.1", "end:o1:e:y,z", "out:sink:e:end", "raw:sink:e:camera"},
    {"sensor:source:a", "mean:s1:b:sensor", "out:sink:c:mean"},
    {"sensor:source:a", "mean:s1:a:sensor", "alarm:s1:a:mean", "both:o1:a:alarm,mean",
     "net:o1:b:both", "out:sink:c:net", "log:sink:a:mean"},
    {"sensor:source:a", "parse:o1:b:sensor", "mean:s2:c:parse", "alarm:s1:d:mean.1",
     "out:sink:d:alarm", "raw:sink:c:parse", "pair:s1:e:mean,alarm", "end:sink:e:pair"},
};
/* Groups that may be replicated: one upstream group, no sources, no sinks. */
static const char *const replicable[SHAPES] = {"b", "b", "bc", "d", "b", "b", "", "b", "b"};

static uint64_t next(uint64_t *random)
{
    *random = *random * 6364136223846793005u + 1442695040888963407u;
    return *random >> 33;
}

static char *until(const char **at, char stop)
{
    const char *end = strchr(*at, stop);
    size_t n = end != NULL ? (size_t)(end - *at) : strlen(*at);
    char *text = memory_format("%.*s", (int)n, *at);

    *at += end != NULL ? n + 1 : n;
    return text;
}

static void add_operator(struct deployment *deployment, const char *text)
{
    struct deployment_operator *added = &deployment->operators[deployment->n_operators++];

    added->name = until(&text, ':');
    added->origin = memory_text(added->name);
    added->use = until(&text, ':');
    added->group = until(&text, ':');
    added->inputs = memory_new(DEPLOYMENT_INPUTS_MAX, sizeof(*added->inputs));
    while (*text != '\0') {
        char *input = until(&text, ',');
        char *dot = strchr(input, '.');
        if (dot != NULL) {
            *dot = '\0';
        }
        added->inputs[added->n_inputs++] = (struct deployment_input){
            .from = input, .port = dot != NULL ? (unsigned)strtoul(dot + 1, NULL, 10) : 0};
    }
}

static void add_channels(struct deployment *deployment, uint64_t *random)
{
    for (size_t i = 0; i < deployment->n_operators; i++) {
        const struct deployment_operator *reader = &deployment->operators[i];

        for (size_t j = 0; j < reader->n_inputs; j++) {
            const struct deployment_operator *from =
                deployment_operator(deployment, reader->inputs[j].from);
            if (strcmp(from->group, reader->group) == 0 ||
                deployment_channel(deployment, reader, j) != NULL) {
                continue;
            }
            unsigned id = (unsigned)++deployment->n_channels;
            deployment->channels[id - 1] = (struct deployment_channel){
                .id = id,
                .from_operator = memory_text(from->name),
                .from_port = reader->inputs[j].port,
                .from_group = memory_text(from->group),
                .to_group = memory_text(reader->group),
                .credit = 1 + (unsigned)next(random) % 3,
            };
        }
    }
}

static void add_stages(struct deployment *deployment, const char *may_replicate,
                       uint64_t *random)
{
    for (size_t i = 0; i < deployment->n_operators; i++) {
        const char *group = deployment->operators[i].group;
        if (deployment_replicas(deployment, group) > 0) {
            continue;
        }
        unsigned replicas =
            strchr(may_replicate, group[0]) != NULL ? 1 + (unsigned)next(random) % 3 : 1;
        for (unsigned j = 0; j < replicas; j++) {
            deployment->stages[deployment->n_stages++] = (struct deployment_stage){
                .name = memory_format("%s-%u", group, j + 1),
                .group = memory_text(group),
                .device = memory_text("device"),
                .workers = 1 + (unsigned)next(random) % 3,
            };
        }
    }
}

static struct deployment *make_deployment(uint64_t seed)
{
    struct deployment *deployment = memory_new(1, sizeof(*deployment));
    unsigned shape = (unsigned)(seed % SHAPES);
    uint64_t random = seed;

    next(&random);
    deployment->application = memory_text("test");
    deployment->window = 1 + (unsigned)next(&random) % 12;
    deployment->operators = memory_new(16, sizeof(*deployment->operators));
    deployment->channels = memory_new(32, sizeof(*deployment->channels));
    deployment->stages = memory_new(32, sizeof(*deployment->stages));
    for (size_t i = 0; shapes[shape][i] != NULL; i++) {
        add_operator(deployment, shapes[shape][i]);
    }
    add_channels(deployment, &random);
    add_stages(deployment, replicable[shape], &random);
    return deployment;
}

static struct cluster_options make_options(uint64_t seed)
{
    uint64_t random = seed ^ 0xabcdef;

    next(&random);
    return (struct cluster_options){
        .seed = seed,
        .frames = next(&random) % 4 == 0 ? 0 : next(&random) % 40,
        .drain_after = 200 + next(&random) % 400,
        .kills = (unsigned)(next(&random) % 8),
        .cuts = (unsigned)(next(&random) % 8),
        .repeat_percent = next(&random) % 2 == 0 ? 0 : 10,
        .empty_every = (unsigned)(next(&random) % 5),
    };
}

static void run_seed(uint64_t seed, bool trace, struct cluster_result *ret_result)
{
    cleanup(deployment_destroyp) struct deployment *deployment = make_deployment(seed);
    struct cluster_options options = make_options(seed);

    options.trace = trace;
    if (options.frames == 0 && options.drain_after == 0) {
        options.frames = 1;
    }
    cluster_run(deployment, &options, ret_result);
}

static void expect_fine(uint64_t seed, struct cluster_result *ret_result)
{
    run_seed(seed, false, ret_result);
    if (ret_result->failure[0] != '\0') {
        run_seed(seed, true, ret_result);
        fail_msg("seed %llu: %s", (unsigned long long)seed, ret_result->failure);
    }
}

static void every_frame_reaches_every_sink_once_whatever_dies(void **state)
{
    (void)state;
    const char *only = getenv("BRUME_SEED"); /* NOLINT(concurrency-mt-unsafe) */
    uint64_t kills = 0, cuts = 0, resent = 0, delivered = 0;

    for (uint64_t seed = 1; only == NULL && seed <= SEEDS; seed++) {
        struct cluster_result result;
        expect_fine(seed, &result);
        kills += result.kills;
        cuts += result.cuts;
        resent += result.resent;
        delivered += result.delivered;
    }
    if (only != NULL) {
        struct cluster_result result;
        run_seed(strtoull(only, NULL, 10), true, &result);
        assert_string_equal(result.failure, "");
        return;
    }
    print_message("# %d schedules: %llu frames delivered, %llu kills, %llu cuts, %llu resent\n",
                  SEEDS, (unsigned long long)delivered, (unsigned long long)kills,
                  (unsigned long long)cuts, (unsigned long long)resent);
    assert_true(kills > SEEDS && cuts > SEEDS && resent > SEEDS && delivered > SEEDS);
}

static void the_same_seed_gives_the_same_trace(void **state)
{
    (void)state;

    for (unsigned seed = 1; seed <= 2 * SHAPES; seed++) {
        struct cluster_result first, second;
        run_seed(seed, false, &first);
        run_seed(seed, false, &second);
        assert_int_equal(first.digest, second.digest);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_frame_reaches_every_sink_once_whatever_dies),
        cmocka_unit_test(the_same_seed_gives_the_same_trace),
    };
    return cmocka_run_group_tests_name("cluster", tests, NULL, NULL);
}
