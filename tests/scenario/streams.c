/* What standard input, output and error are: closed, full, or files. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/memory.h"
#include "fixture/scenario.h"

/* Three frames of noise. */
static void write_noise(void)
{
    scenario_write("noise.yaml",
                   "apiVersion: brume.dev/v1alpha1\n"
                   "kind: Application\n"
                   "metadata: { name: noise }\n"
                   "spec:\n"
                   "  operators:\n"
                   "    - { name: noise, use: noise-source, with: { size: 8x8 } }\n"
                   "    - { name: out, use: null-sink, in: [noise] }\n");
}

#define RUN "run", "noise.yaml", "--frames", "3"

static void a_run_does_not_mind_closed_streams(void **state)
{
    static const struct scenario_streams closed[] = {
        {.in = ""}, {.out = ""}, {.err = ""}, {"", "", NULL}, {"", "", ""}};

    (void)state;
    write_noise();
    for (size_t i = 0; i < sizeof(closed) / sizeof(*closed); i++) {
        struct scenario *scenario =
            scenario_start_with(&closed[i], (const char *const[]){RUN, NULL});
        scenario_expect(scenario, EX_OK);
        cleanup(memory_free) char *out = scenario_read(scenario->out);
        cleanup(memory_free) char *err = scenario_errors(scenario);
        if (closed[i].out == NULL) {
            assert_non_null(strstr(out, "accepted 3, delivered 3, lost 0, duplicated 0\n"));
        }
        assert_string_equal(err, "");
        scenario_close(scenario);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_does_not_mind_closed_streams),
    };

    return cmocka_run_group_tests_name("streams", tests, scenario_make, scenario_remove);
}
