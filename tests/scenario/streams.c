/* What standard input, output and error are: closed, full, or files. */
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

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
    static const struct scenario_streams closed[] = {{.in = ""},
                                                     {.out = ""},
                                                     {.err = ""},
                                                     {.in = "", .out = ""},
                                                     {.in = "", .out = "", .err = ""}};

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

/* Its exit code; 128 + signal. */
static int run_without_streams(char *const *arguments)
{
    cleanup(memory_free) char *program =
        memory_format("%s/%s", secure_getenv("BRUME_BUILD"), arguments[0]);
    int status = -1;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        close_range(0, ~0U, 0);
        execv(program, arguments);
        _exit(126);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void what_is_not_started_by_hand_refuses_closed_streams(void **state)
{
    (void)state;
    char *stage[] = {"brume-stage", "--name", "a", "--controller", "127.0.0.1:1", NULL};
    char *controller[] = {"brume-controller", NULL};
    assert_int_equal(run_without_streams(stage), EX_USAGE);
    assert_int_equal(run_without_streams(controller), EX_USAGE);
}

static void output_that_cannot_be_written_is_an_error(void **state)
{
    static const char *const commands[][SCENARIO_ARGUMENTS_MAX] = {
        {"operators"},           {"--help"},
        {"--version"},           {"run", "--help"},
        {"operators", "--json"}, {"model", "inspect", "noise.onnx"},
        {"plan", "noise.yaml"},  {RUN},
        {RUN, "--json"}};
    cleanup(memory_free) char *config =
        memory_format("%s/fuzz/model_darknet/detector", secure_getenv("BRUME_TEST_DATA"));
    cleanup(memory_free) char *out = NULL;
    cleanup(memory_free) char *err = NULL;

    (void)state;
    write_noise();
    SCENARIO_RUN(EX_OK, &out, &err, "model", "import", config, "-o", "noise.onnx", "--seed",
                 "7");
    for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
        struct scenario *scenario =
            scenario_start_with(&(struct scenario_streams){.out = "/dev/full"}, commands[i]);
        scenario_expect(scenario, EX_IOERR);
        cleanup(memory_free) char *words = scenario_errors(scenario);
        static const char sentence[] = "brume: not all of the output could be written";
        assert_int_equal(strncmp(words, sentence, sizeof(sentence) - 1), 0);
        assert_ptr_equal(strchr(words, '\n'), words + strlen(words) - 1);
        scenario_close(scenario);
    }
}

/* What went wrong before is what counts. */
static void a_refusal_keeps_its_code_when_output_cannot_be_written(void **state)
{
    (void)state;
    struct scenario *scenario =
        scenario_start_with(&(struct scenario_streams){.out = "/dev/full"},
                            (const char *const[]){"run", "none.yaml", NULL});

    scenario_expect(scenario, EX_NOINPUT);
    scenario_close(scenario);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_does_not_mind_closed_streams),
        cmocka_unit_test(what_is_not_started_by_hand_refuses_closed_streams),
        cmocka_unit_test(output_that_cannot_be_written_is_an_error),
        cmocka_unit_test(a_refusal_keeps_its_code_when_output_cannot_be_written),
    };

    return cmocka_run_group_tests_name("streams", tests, scenario_make, scenario_remove);
}
