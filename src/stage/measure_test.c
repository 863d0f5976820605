#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "operator/rig.h"
#include "stage/measure_state.h"

enum { STEPS_MAX = 4 };

/* A chain of operators, each measured after the other, as measure.c does it. */
struct chain {
    struct deployment deployment;
    struct deployment_operator operators[STEPS_MAX];
    struct deployment_input inputs[STEPS_MAX];
    struct deployment_param params[STEPS_MAX];
    struct made made[STEPS_MAX];
    struct task tasks[STEPS_MAX];
    struct measure measure;
};

static void add(struct chain *chain, const char *use, const char *key, const char *value)
{
    size_t i = chain->deployment.n_operators++;
    struct deployment_operator *step = &chain->operators[i];

    chain->params[i] =
        (struct deployment_param){(char *)(uintptr_t)key, (char *)(uintptr_t)value};
    *step = (struct deployment_operator){.name = (char *)(uintptr_t)use,
                                         .origin = (char *)(uintptr_t)use,
                                         .use = (char *)(uintptr_t)use,
                                         .n_params = key != NULL,
                                         .params = &chain->params[i]};
    if (i > 0) {
        chain->inputs[i].from = chain->operators[i - 1].name;
        step->n_inputs = 1;
        step->inputs = &chain->inputs[i];
    }
}

/* Those before `timed` are known and make what is needed only. */
static void measure_from(struct chain *chain, size_t timed)
{
    struct measure *measure = &chain->measure;
    size_t n = chain->deployment.n_operators;

    chain->deployment.operators = chain->operators;
    *measure = (struct measure){.deployment = &chain->deployment,
                                .folder = (char *)(uintptr_t) "/nowhere",
                                .n_tasks = n,
                                .tasks = chain->tasks,
                                .made = chain->made};
    measure->work.data = measure;
    for (; measure->next < n && measure->err.code == 0; measure->next++) {
        chain->tasks[measure->next].operator_id = (unsigned)measure->next;
        chain->tasks[measure->next].timed = measure->next >= timed;
        measure_run_task(&measure->work);
    }
    for (size_t i = 0; i < n; i++) {
        made_finish(&chain->made[i]);
        free(STEAL(chain->made[i].packed));
        free(STEAL(chain->tasks[i].packings));
    }
}

static void measure_all(struct chain *chain)
{
    measure_from(chain, 0);
}

static void write_file(const char *folder, const char *name, const void *bytes, size_t size)
{
    cleanup(memory_free) char *path = memory_format("%s/%s", folder, name);
    struct error err;

    assert_int_equal(file_write(path, bytes, size, &err), 0);
}

/* A JPEG of 16 x 16, as the operator `encode` makes it. */
static void write_picture(const char *folder, const char *name)
{
    cleanup(operator_closep) struct operator_instance *encode = RIG_OPEN("encode");
    cleanup(frame_unrefp) struct frame *jpeg = rig_pass(encode, rig_picture(16, 16));

    write_file(folder, name, jpeg->tensors[0]->data, jpeg->tensors[0]->size);
}

static void frames_that_are_refused_are_passed_over(void **state)
{
    cleanup(memory_free) struct chain *chain = memory_new(1, sizeof(*chain));
    char *folder = rig_folder();
    (void)state;

    write_file(folder, "a.jpg", "", 0);
    write_picture(folder, "b.jpg");
    write_file(folder, "c.jpg", "no picture", 10);
    write_picture(folder, "d.jpg");
    add(chain, "image-source", "path", folder);
    add(chain, "decode", NULL, NULL);
    add(chain, "null-sink", NULL, NULL);
    measure_all(chain);

    assert_string_equal(chain->measure.err.text, "");
    assert_int_equal(chain->tasks[0].n_frames, 4);
    assert_int_equal(chain->tasks[1].n_frames, 2);
    assert_int_equal(chain->tasks[1].output_size[0], 2 * 16 * 16 * 3);
    assert_in_range(chain->tasks[1].runs, MEASURE_RUNS_MIN, MEASURE_RUNS_MAX);
    assert_int_equal(chain->tasks[2].n_frames, 2);
    rig_remove(folder);
}

static void frames_are_passed_over_by_those_who_are_known_too(void **state)
{
    cleanup(memory_free) struct chain *chain = memory_new(1, sizeof(*chain));
    char *folder = rig_folder();
    (void)state;

    write_file(folder, "a.jpg", "", 0);
    write_picture(folder, "b.jpg");
    write_picture(folder, "c.jpg");
    add(chain, "image-source", "path", folder);
    add(chain, "decode", NULL, NULL);
    add(chain, "null-sink", NULL, NULL);
    measure_from(chain, 2);

    assert_string_equal(chain->measure.err.text, "");
    assert_int_equal(chain->tasks[2].n_frames, 2);
    rig_remove(folder);
}

static void only_when_no_frame_can_be_used_there_is_nothing_to_measure_on(void **state)
{
    cleanup(memory_free) struct chain *chain = memory_new(1, sizeof(*chain));
    char *folder = rig_folder();
    (void)state;

    write_file(folder, "a.jpg", "", 0);
    write_file(folder, "b.jpg", "no picture", 10);
    cleanup(memory_free) char *sentence =
        memory_format("none of the first 2 frames can be used; one: %s/a.jpg: neither a JPEG "
                      "nor a PNG (0 bytes)",
                      folder);
    add(chain, "image-source", "path", folder);
    add(chain, "decode", NULL, NULL);
    add(chain, "null-sink", NULL, NULL);
    measure_all(chain);

    assert_string_equal(chain->measure.err.text, sentence);
    assert_string_equal(chain->measure.unusable, "decode");
    rig_remove(folder);
}

static void the_pace_of_a_source_is_not_waited_for(void **state)
{
    static const char *const sources[][3] = {
        {"noise-source", "rate", "10/h"},
        {"sensor-source", "rate", "10/h"},
    };
    (void)state;

    for (size_t i = 0; i < sizeof(sources) / sizeof(*sources); i++) {
        cleanup(memory_free) struct chain *chain = memory_new(1, sizeof(*chain));
        add(chain, sources[i][0], sources[i][1], sources[i][2]);
        add(chain, "null-sink", NULL, NULL);
        measure_all(chain);
        assert_string_equal(chain->measure.err.text, "");
        assert_int_equal(chain->tasks[0].n_frames, MEASURE_FRAMES);
        assert_int_equal(chain->tasks[0].waited_ms, 0);
    }
}

/* The same for sources that must be told of a file, too. */
static void the_pace_of_files_is_not_waited_for(void **state)
{
    static const char table[] = "time,CO\n0,1\n3600,2\n7200,3\n";
    char *folder = rig_folder();
    cleanup(memory_free) char *path = memory_format("%s/table.csv", folder);
    struct deployment_param pictures[] = {
        {(char *)(uintptr_t) "path", folder},
        {(char *)(uintptr_t) "repeat", (char *)(uintptr_t) "true"},
        {(char *)(uintptr_t) "rate", (char *)(uintptr_t) "1/h"}};
    struct deployment_param rows[] = {{(char *)(uintptr_t) "path", path},
                                      {(char *)(uintptr_t) "speed", (char *)(uintptr_t) "1"}};
    (void)state;

    write_file(folder, "table.csv", table, sizeof(table) - 1);
    cleanup(memory_free) struct chain *chain = memory_new(1, sizeof(*chain));
    add(chain, "image-source", "path", NULL);
    chain->operators[0].params = pictures;
    chain->operators[0].n_params = 3;
    measure_all(chain);
    assert_int_equal(chain->tasks[0].n_frames, MEASURE_FRAMES);
    assert_int_equal(chain->tasks[0].waited_ms, 0);

    memset(chain, 0, sizeof(*chain));
    add(chain, "csv-source", "path", NULL);
    chain->operators[0].params = rows;
    chain->operators[0].n_params = 2;
    measure_all(chain);
    assert_int_equal(chain->tasks[0].n_frames, 3);
    assert_int_equal(chain->tasks[0].waited_ms, 0);
    rig_remove(folder);
}

static void a_source_that_never_has_a_frame_is_given_up(void **state)
{
    cleanup(memory_free) struct chain *chain = memory_new(1, sizeof(*chain));
    (void)state;

    add(chain, "lazy-source", "first", "1h");
    add(chain, "null-sink", NULL, NULL);
    measure_all(chain);
    assert_string_equal(chain->measure.err.text, "");
    assert_true(chain->made[0].given_up && chain->made[1].given_up);
    assert_int_equal(chain->tasks[0].runs + chain->tasks[1].runs, 0);
}

static void a_source_that_is_slow_is_measured_on_what_it_has(void **state)
{
    cleanup(memory_free) struct chain *chain = memory_new(1, sizeof(*chain));
    (void)state;

    add(chain, "lazy-source", NULL, NULL);
    add(chain, "null-sink", NULL, NULL);
    measure_all(chain);
    assert_string_equal(chain->measure.err.text, "");
    assert_int_equal(chain->tasks[0].n_frames, 1);
    assert_int_equal(chain->tasks[1].n_frames, 1);
    assert_true(chain->tasks[0].runs > 0 && chain->tasks[1].runs > 0);
}

static void codecs_are_tried_on_what_is_large(void **state)
{
    cleanup(memory_free) struct chain *chain = memory_new(1, sizeof(*chain));
    struct task *task = &chain->tasks[0];
    const uint32_t dims[] = {100, 100};
    struct tensor *tensor = rig_tensor(TENSOR_F32, 2, dims, NULL);
    cleanup(frame_unrefp) struct frame *large = rig_frame(0, 1, &tensor);
    cleanup(frame_unrefp) struct frame *small = rig_bytes("few", 3);

    (void)state;
    chain->measure = (struct measure){.made = chain->made};
    measure_pack(&chain->measure, task, 0, small);
    assert_int_equal(task->n_packings, 0);
    measure_pack(&chain->measure, task, 0, large);
    assert_int_equal(task->n_packings,
                     1); /* of an operator that is no model: nothing is lost */
    assert_int_equal(task->packings[0].codec, GRAPH_CODEC_ZSTD);
    task->to = 4;
    measure_pack(&chain->measure, task, 4, large);
    measure_pack(&chain->measure, task, 4, large);
    assert_int_equal(task->n_packings, GRAPH_CODEC_END);
    for (size_t i = 0; i < task->n_packings; i++) {
        const struct task_packing *packing = &task->packings[i];
        const double most[] = {0.05, 0.51, 0.26}; /* zeros */
        enum graph_link link = graph_codec_link(packing->codec);

        assert_true(packing->part > 0 &&
                    packing->part < (graph_codec_squeezes(packing->codec) ? 0.05 : most[link]));
        assert_true(packing->pack >= 0 && packing->unpack >= 0);
    }
    free(chain->made[0].packed);
    free(task->packings);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codecs_are_tried_on_what_is_large),
        cmocka_unit_test(frames_that_are_refused_are_passed_over),
        cmocka_unit_test(frames_are_passed_over_by_those_who_are_known_too),
        cmocka_unit_test(only_when_no_frame_can_be_used_there_is_nothing_to_measure_on),
        cmocka_unit_test(the_pace_of_a_source_is_not_waited_for),
        cmocka_unit_test(the_pace_of_files_is_not_waited_for),
        cmocka_unit_test(a_source_that_never_has_a_frame_is_given_up),
        cmocka_unit_test(a_source_that_is_slow_is_measured_on_what_it_has),
    };

    return cmocka_run_group_tests_name("measure", tests, NULL, NULL);
}
