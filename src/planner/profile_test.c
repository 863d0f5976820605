/* Measurements that are kept, found again, and distrusted when a file is damaged. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/test.h"
#include "planner/profile.h"
#include "planner/street.h"

static const struct profile_key some_key = {"model 00000000000012ab", "small",
                                            "onnxruntime fast"};

static int folder_make(void **state)
{
    char *folder = memory_text("/tmp/brume-profile-XXXXXX");

    *state = folder;
    return mkdtemp(folder) == NULL ? -1 : 0;
}

static int folder_remove(void **state)
{
    struct error err;
    int r = file_remove_folder(*state, &err);

    free(*state);
    return r;
}

static struct profile_store *store_open(const char *folder)
{
    struct profile_store *store = NULL;
    struct error err = {0};

    if (profile_store_open(folder, &store, &err) < 0) {
        fail_msg("%s", err.text);
    }
    return store;
}

static void record(struct profile_store *store, unsigned from, unsigned to, double seconds,
                   unsigned runs)
{
    struct profile_segment segment = {from, to, seconds, 5000000, runs};
    struct error err = {0};

    assert_int_equal(profile_record(store, some_key, &segment, &err), 0);
}

static void what_was_measured_is_there_after_a_restart(void **state)
{
    static const uint64_t outputs[] = {84500, 0};
    struct error err = {0};
    cleanup(profile_store_closep) struct profile_store *store = store_open(*state);

    record(store, 0, 3, 0.0123456789, 5);
    assert_int_equal(profile_record_outputs(store, some_key, 2, outputs, &err), 0);
    assert_int_equal(profile_store_save(store, &err), 0);
    cleanup(profile_store_closep) struct profile_store *again = store_open(*state);
    const struct profile_segment *segment = profile_lookup(again, some_key, 0, 3);

    assert_non_null(segment);
    assert_float_equal(segment->cpu_seconds, 0.0123456789, 1e-10);
    assert_int_equal(segment->memory, 5000000);
    assert_int_equal(segment->runs, 5);
    assert_int_equal(profile_find(again, some_key)->outputs[0], 84500);
    assert_int_equal(profile_store_damaged(again), 0);
    assert_null(profile_lookup(again, some_key, 0, 4));
}

static void what_is_forgotten_stays_on_disk_until_it_is_measured_anew(void **state)
{
    struct error err = {0};
    cleanup(profile_store_closep) struct profile_store *store = store_open(*state);

    record(store, 0, 3, 0.010, 50);
    assert_int_equal(profile_store_save(store, &err), 0);
    profile_store_forget(store);
    assert_null(profile_find(store, some_key));
    assert_int_equal(profile_store_save(store, &err), 0);
    cleanup(profile_store_closep) struct profile_store *between = store_open(*state);
    assert_non_null(profile_lookup(between, some_key, 0, 3));

    record(store, 0, 3, 0.020, 5);
    assert_int_equal(profile_store_save(store, &err), 0);
    cleanup(profile_store_closep) struct profile_store *after = store_open(*state);
    assert_float_equal(profile_lookup(after, some_key, 0, 3)->cpu_seconds, 0.020, 1e-12);
    assert_int_equal(profile_lookup(after, some_key, 0, 3)->runs, 5);
}

static void what_codecs_make_of_tensors_is_there_after_a_restart(void **state)
{
    const struct profile_packing one = {3, GRAPH_CODEC_F16_ZSTD, 0.4, 1e-9, 5e-10};
    const struct profile_packing better = {3, GRAPH_CODEC_F16_ZSTD, 0.3, 2e-9, 5e-10};
    const struct profile_packing wrong[] = {
        {3, GRAPH_CODEC_NONE, 0.4, 1e-9, 1e-9}, {3, GRAPH_CODEC_END, 0.4, 1e-9, 1e-9},
        {3, GRAPH_CODEC_ZSTD, -1, 1e-9, 1e-9},  {3, GRAPH_CODEC_ZSTD, NAN, 1e-9, 1e-9},
        {3, GRAPH_CODEC_ZSTD, 0.4, -1, 1e-9},   {3, GRAPH_CODEC_ZSTD, 0.4, 1e-9, 1},
    };
    struct error err = {0};
    cleanup(profile_store_closep) struct profile_store *store = store_open(*state);

    assert_int_equal(profile_record_packing(store, some_key, &one, &err), 0);
    assert_int_equal(profile_record_packing(store, some_key, &better, &err), 0);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        assert_int_equal(profile_record_packing(store, some_key, &wrong[i], &err), -EINVAL);
    }
    assert_int_equal(profile_store_save(store, &err), 0);
    cleanup(profile_store_closep) struct profile_store *again = store_open(*state);
    const struct profile_packing *found =
        profile_packing(again, some_key, 3, GRAPH_CODEC_F16_ZSTD);

    assert_non_null(found);
    assert_float_equal(found->part, 0.3, 1e-9);
    assert_float_equal(found->pack, 2e-9, 1e-15);
    assert_null(profile_packing(again, some_key, 3, GRAPH_CODEC_F16));
    assert_null(profile_packing(again, some_key, 4, GRAPH_CODEC_F16_ZSTD));
    assert_int_equal(profile_store_damaged(again), 0);
}

/* Of a folder that has one file, with this text. */
static struct profile_store *store_of(const char *folder, const char *text)
{
    cleanup(memory_free) char *path = memory_format("%s/old.json", folder);
    struct error err = {0};

    assert_int_equal(file_write(path, text, strlen(text), &err), 0);
    return store_open(folder);
}

static void a_profile_from_before_there_were_codecs_is_read(void **state)
{
    static const char old[] =
        "{\"version\":2,\"subject\":\"model 00000000000012ab\",\"type\":\"small\",\"engine\":"
        "\"onnxruntime fast\",\"segments\":[[0,3,0.5,1000,9]],\"outputs\":[84500]}";
    cleanup(profile_store_closep) struct profile_store *store = store_of(*state, old);

    assert_int_equal(profile_store_damaged(store), 0);
    assert_non_null(profile_lookup(store, some_key, 0, 3));
    assert_null(profile_packing(store, some_key, 3, GRAPH_CODEC_ZSTD));
}

static void noise_and_pictures_pack_differently(void **state)
{
    cleanup(street_destroyp) struct street *street = street_create(1);
    struct brume_operator noise = street_types[0];

    (void)state;
    cleanup(memory_free) char *pictures =
        profile_packing_subject(&street->graph, 3, &street->model);
    noise.name = "noise-source";
    street->operators[0].type = &noise;
    cleanup(memory_free) char *random =
        profile_packing_subject(&street->graph, 3, &street->model);

    assert_string_equal(pictures, "model 0000000000001234 of image-source");
    assert_string_equal(random, "model 0000000000001234 of noise-source");
}

static void another_type_or_engine_or_model_knows_nothing(void **state)
{
    (void)state;
    cleanup(profile_store_closep) struct profile_store *store = store_open(NULL);
    struct profile_key key = some_key;

    record(store, 0, 3, 0.01, 5);
    key.type = "large";
    assert_null(profile_find(store, key));
    key = some_key;
    key.engine = "onnxruntime exact";
    assert_null(profile_find(store, key));
    key = some_key;
    key.subject = "model 00000000000012ac";
    assert_null(profile_find(store, key));
}

static void more_runs_replace_and_fewer_are_weighed_in(void **state)
{
    (void)state;
    cleanup(profile_store_closep) struct profile_store *store = store_open(NULL);

    record(store, 0, 1, 0.010, 4);
    record(store, 0, 1, 0.020, 8);
    assert_float_equal(profile_lookup(store, some_key, 0, 1)->cpu_seconds, 0.020, 1e-12);
    record(store, 0, 1, 0.032, 4);
    assert_float_equal(profile_lookup(store, some_key, 0, 1)->cpu_seconds, 0.024, 1e-12);
    assert_int_equal(profile_lookup(store, some_key, 0, 1)->runs, 12);
}

static void what_is_no_measurement_is_refused(void **state)
{
    (void)state;
    static const struct profile_segment wrong[] = {
        {0, 1, -0.1, 0, 1}, {0, 1, NAN, 0, 1}, {0, 1, INFINITY, 0, 1},
        {3, 3, 0.1, 0, 1},  {4, 3, 0.1, 0, 1}, {0, 1, 0.1, 0, 0},
    };
    cleanup(profile_store_closep) struct profile_store *store = store_open(NULL);
    struct error err = {0};

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_equal(profile_record(store, some_key, &wrong[i], &err), -EINVAL);
    }
    assert_null(profile_find(store, some_key));
}

static void damaged_files_are_left_aside_and_counted(void **state)
{
    static const char *const texts[] = {
        "",
        "{",
        "[]",
        "{\"version\":3,\"subject\":\"a\",\"type\":\"b\",\"engine\":\"\",\"segments\":[],"
        "\"outputs\":[]}",
        "{\"version\":2,\"subject\":\"a\",\"type\":\"b\",\"engine\":\"\",\"segments\":[[0,1,-1,"
        "0,"
        "1]],\"outputs\":[]}",
        "{\"version\":2,\"subject\":\"a\",\"type\":\"b\",\"engine\":\"\",\"segments\":[[0,1]],"
        "\"outputs\":[]}",
        "{\"version\":2,\"subject\":\"a\",\"type\":\"b\",\"engine\":\"\",\"segments\":[],"
        "\"outputs\":[-3]}",
        "{\"version\":2,\"subject\":7,\"type\":\"b\",\"engine\":\"\",\"segments\":[],"
        "\"outputs\":"
        "[]}",
    };
    const size_t n = sizeof(texts) / sizeof(texts[0]);
    struct error err = {0};
    cleanup(profile_store_closep) struct profile_store *good = store_open(*state);

    record(good, 0, 3, 0.01, 5);
    assert_int_equal(profile_store_save(good, &err), 0);
    for (size_t i = 0; i < n; i++) {
        cleanup(memory_free) char *path = memory_format("%s/bad-%zu.json", (char *)*state, i);

        assert_int_equal(file_write(path, texts[i], strlen(texts[i]), &err), 0);
    }
    cleanup(profile_store_closep) struct profile_store *store = store_open(*state);

    assert_int_equal(profile_store_damaged(store), n);
    assert_non_null(profile_lookup(store, some_key, 0, 3));
}

static void what_an_older_brume_measured_is_forgotten_without_a_word(void **state)
{
    static const char text[] =
        "{\"version\":1,\"subject\":\"a\",\"type\":\"b\",\"engine\":\"\","
        "\"segments\":[[0,3,0.01,5,7]],\"outputs\":[]}";
    cleanup(profile_store_closep) struct profile_store *store = store_of(*state, text);

    assert_int_equal(profile_store_damaged(store), 0);
    assert_null(profile_lookup(store, (struct profile_key){"a", "b", ""}, 0, 3));
}

static void an_operators_subject_covers_what_feeds_it(void **state)
{
    (void)state;
    cleanup(street_destroyp) struct street *street = street_create(1);
    cleanup(memory_free) char *fit = profile_subject(&street->graph, 2, NULL);
    cleanup(memory_free) char *drawn = profile_subject(&street->graph, 5, NULL);
    cleanup(memory_free) char *camera = profile_subject(&street->graph, 0, NULL);

    street->params[0].value = "300x300";
    cleanup(memory_free) char *other_fit = profile_subject(&street->graph, 2, NULL);
    cleanup(memory_free) char *other_drawn = profile_subject(&street->graph, 5, NULL);
    cleanup(memory_free) char *other_camera = profile_subject(&street->graph, 0, NULL);
    cleanup(memory_free) char *model = profile_subject(&street->graph, 3, &street->model);

    assert_memory_equal(fit, "letterbox ", 10);
    assert_string_not_equal(fit, other_fit);
    assert_string_not_equal(drawn, other_drawn);
    assert_string_equal(camera, other_camera);
    assert_string_equal(model, "model 0000000000001234");
}

static void first_everything_is_wanted_then_what_the_plan_chose(void **state)
{
    (void)state;
    cleanup(street_destroyp) struct street *street = street_create(2);
    cleanup(memory_free) struct profile_want *wanted = NULL;
    cleanup(memory_free) struct profile_want *exact = NULL;
    cleanup(planner_problem_destroyp) struct planner_problem *problem = NULL;
    cleanup(plan_destroyp) struct plan *plan = NULL;
    struct error err = {0};

    street->input.replicas = 1;
    assert_int_equal(planner_prepare(&street->input, &problem, &err), 0);
    assert_true(problem->n_estimated > 0);
    /* Six operators, nine layers, and the network as a whole. */
    assert_int_equal(profile_wanted(problem, street->profiles, NULL, &wanted), 16);
    planner_problem_destroy(STEAL(problem));
    street_measure(street, "small", 1);
    assert_int_equal(planner_prepare(&street->input, &problem, &err), 0);
    /* Nobody has tried codecs at the ends of nine segments and of the whole. */
    assert_int_equal(profile_wanted(problem, street->profiles, NULL, &exact), 10);
    free(STEAL(exact));
    street_pack(street, "small", 0.9);
    assert_int_equal(profile_wanted(problem, street->profiles, NULL, &exact), 0);
    free(STEAL(exact));
    assert_int_equal(problem->n_estimated, 0);
    assert_int_equal(planner_solve(problem, &plan, &err), 0);
    size_t n = profile_wanted(problem, street->profiles, plan, &exact);

    assert_true(n >= 2);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(exact[i].operator, 3);
        assert_true(exact[i].to > exact[i].from + 1 && exact[i].to <= STREET_LAYERS);
    }
}

/* Records that the model's layers `from`..`to` died for want of the 64 MB that there were. */
static void starve(const struct street *street, unsigned from, unsigned to)
{
    cleanup(memory_free) char *subject = profile_subject(&street->graph, 3, &street->model);
    const struct profile_key key = {subject, "small", "onnxruntime fast"};
    const struct profile_segment segment = {.from = from, .to = to, .memory = 64000001};
    struct error err = {0};

    assert_int_equal(profile_record(street->profiles, key, &segment, &err), 0);
}

static void what_was_too_large_is_wanted_again_when_there_is_more_memory(void **state)
{
    (void)state;
    cleanup(street_destroyp) struct street *street = street_create(2);
    struct error err = {0};

    starve(street, 0, STREET_LAYERS);
    for (unsigned i = 0; i < 2; i++) {
        cleanup(memory_free) struct profile_want *wanted = NULL;
        cleanup(planner_problem_destroyp) struct planner_problem *problem = NULL;

        street->devices[0].memory = 64000000;
        street->devices[1].memory = i == 0 ? 64000000 : 128000000;
        assert_int_equal(planner_prepare(&street->input, &problem, &err), 0);
        size_t n = profile_wanted(problem, street->profiles, NULL, &wanted), n_whole = 0;
        for (size_t j = 0; j < n; j++) {
            if (wanted[j].from == 0 && wanted[j].to == STREET_LAYERS) {
                n_whole++;
                assert_int_equal(wanted[j].device, 1);
            }
        }
        assert_int_equal(n_whole, i);
    }
}

static void what_was_too_large_is_put_on_no_device_of_that_size(void **state)
{
    (void)state;
    cleanup(street_destroyp) struct street *street = street_create(2);
    cleanup(planner_problem_destroyp) struct planner_problem *problem = NULL;
    struct error err = {0};

    street_measure(street, "small", 1);
    starve(street, 0, STREET_LAYERS);
    assert_int_equal(planner_prepare(&street->input, &problem, &err), 0);
    assert_int_equal(problem->n_estimated, 0);
    assert_true(planner_memory(problem, 3, 3 + STREET_LAYERS) > 64000000);
    assert_float_equal(planner_cost(problem, 3, 3 + STREET_LAYERS, 0), 0.032, 1e-4);
}

static void the_rate_of_a_link_is_kept_by_type(void **state)
{
    struct error err = {0};
    cleanup(profile_store_closep) struct profile_store *store = store_open(*state);

    assert_int_equal(profile_record_link(store, "pi4", 11.5e6, &err), 0);
    assert_int_equal(profile_store_save(store, &err), 0);
    cleanup(profile_store_closep) struct profile_store *again = store_open(*state);
    assert_true(fabs(profile_link(again, "pi4") - 11.5e6) < 1);
    assert_true(profile_link(again, "pi3") == 0);
    assert_int_equal(profile_record_link(store, "pi4", -1, &err), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_measured_is_there_after_a_restart, folder_make,
                                        folder_remove),
        cmocka_unit_test_setup_teardown(
            what_is_forgotten_stays_on_disk_until_it_is_measured_anew, folder_make,
            folder_remove),
        cmocka_unit_test_setup_teardown(what_codecs_make_of_tensors_is_there_after_a_restart,
                                        folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(a_profile_from_before_there_were_codecs_is_read,
                                        folder_make, folder_remove),
        cmocka_unit_test(noise_and_pictures_pack_differently),
        cmocka_unit_test(another_type_or_engine_or_model_knows_nothing),
        cmocka_unit_test(more_runs_replace_and_fewer_are_weighed_in),
        cmocka_unit_test(what_is_no_measurement_is_refused),
        cmocka_unit_test_setup_teardown(damaged_files_are_left_aside_and_counted, folder_make,
                                        folder_remove),
        cmocka_unit_test_setup_teardown(
            what_an_older_brume_measured_is_forgotten_without_a_word, folder_make,
            folder_remove),
        cmocka_unit_test_setup_teardown(the_rate_of_a_link_is_kept_by_type, folder_make,
                                        folder_remove),
        cmocka_unit_test(an_operators_subject_covers_what_feeds_it),
        cmocka_unit_test(first_everything_is_wanted_then_what_the_plan_chose),
        cmocka_unit_test(what_was_too_large_is_wanted_again_when_there_is_more_memory),
        cmocka_unit_test(what_was_too_large_is_put_on_no_device_of_that_size),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
