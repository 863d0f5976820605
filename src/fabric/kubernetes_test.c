/* What only the kubernetes fabric does: troubles of a cluster that are told with what to type,
 * nodes that come and go, a run that outlives its controller, and nothing left however a run
 * ends. tests/fixture/kubernetes brings this program to the nodes as an image; it is its own
 * stage. Nothing of what others have in the cluster is touched: where a node must fail, it is
 * one that there never was. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "fabric/bench.h"
#include "fabric/bench_cluster.h"
#include "fabric/kubernetes.h"
#include "fabric/kubernetes_object.h"
#include "fabric/kubernetes_sample.h"
#include "fabric/process.h"
#include "fabric/testbed.h"
#include "kube/config.h"

static struct kubernetes *kubernetes_of(const struct bench *bench)
{
    return (struct kubernetes *)bench->fabric;
}

static struct bench *open_with_stage(const char *token)
{
    struct bench *bench = bench_open("kubernetes", false);
    cleanup(memory_free) char *words = memory_format("[detect %s]", token);

    assert_int_equal(bench_start(bench, "detect", "device-1", token), 0);
    bench_until_heard(bench, words);
    bench_until(bench, &bench->n_done, 1);
    return bench;
}

static void until_noted(struct bench *bench, const char *text)
{
    while (strstr(bench->noted, text) == NULL) {
        uv_run(&bench->loop, UV_RUN_ONCE);
    }
}

/* Its patience is over. */
static void hurry(struct bench *bench)
{
    uv_timer_t *timer = kubernetes_of(bench)->stages->timer;

    assert_non_null(timer);
    timer->timer_cb(timer);
}

static void devices_are_the_nodes_of_the_cluster(void **state)
{
    (void)state;
    struct bench *bench = bench_open("kubernetes", false);
    const struct fabric_device *devices;
    size_t n = bench->fabric->ops->devices(bench->fabric, &devices);

    assert_true(n >= BENCH_DEVICES);
    for (size_t i = 0; i < n; i++) {
        cleanup(memory_free) char *path = memory_format("nodes/%s", devices[i].name);
        json_decref(bench_ask("GET", path, NULL));
        assert_true(devices[i].cores >= KUBERNETES_CORES_LEAST);
        assert_true(devices[i].memory >= KUBERNETES_MEMORY_LEAST);
        assert_non_null(devices[i].address);
        assert_false(devices[i].emulated);
    }
    assert_true(bench->fabric->ops->exposed && bench->fabric->ops->remote);
    assert_null(bench->fabric->ops->save);
    bench_close(bench);
}

static void devices_cannot_be_asked_for(void **state)
{
    (void)state;
    cleanup(testbed_destroyp) struct testbed *testbed = NULL;
    struct fabric *fabric = NULL;
    uv_loop_t loop;
    struct error err;

    assert_int_equal(testbed_plain(2, &testbed, &err), 0);
    assert_int_equal(uv_loop_init(&loop), 0);
    const struct fabric_config config = {.loop = &loop, .testbed = testbed};
    assert_int_equal(fabric_open("kubernetes", &config, &fabric, &err), -EINVAL);
    assert_non_null(strstr(err.text, "leave out --devices"));
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
}

static void a_cluster_that_does_not_answer_is_told_with_what_to_type(void **state)
{
    (void)state;
    char path[] = "/tmp/brume-kubeconfig-XXXXXX";
    cleanup(file_closep) int file = mkstemp(path);
    cleanup(memory_free) char *before = memory_text(getenv("KUBECONFIG")); // NOLINT(*-unsafe)
    struct fabric *fabric = NULL;
    uv_loop_t loop;
    struct error err;

    assert_true(dprintf(file, "apiVersion: v1\nkind: Config\ncurrent-context: c\ncontexts: "
                              "[{name: c, context: {cluster: c, user: u}}]\nclusters: "
                              "[{name: c, cluster: {server: \"http://127.0.0.1:1\"}}]\n"
                              "users: [{name: u, user: {}}]\n") > 0);
    assert_int_equal(uv_loop_init(&loop), 0);
    const struct fabric_config config = {.loop = &loop};
    setenv("KUBECONFIG", path, 1); /* NOLINT(concurrency-mt-unsafe) */
    assert_int_equal(fabric_open("kubernetes", &config, &fabric, &err), -ECONNREFUSED);
    assert_non_null(strstr(err.text, "kubectl cluster-info"));
    setenv("KUBECONFIG", before, 1); /* NOLINT(concurrency-mt-unsafe) */
    unlink(path);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
}

static void a_missing_image_is_told_with_what_to_do(void **state)
{
    (void)state;
    struct bench *bench = bench_open("kubernetes", false);

    bench->image = "nonesuch";
    bench->may_fail = true;
    assert_int_equal(bench_start(bench, "detect", "device-1", "wait"), 0);
    until_noted(bench, "cannot get the image");
    assert_non_null(strstr(bench->noted, bench_device(bench, "device-1")));
    assert_non_null(strstr(bench->noted, "-nonesuch:" BRUME_VERSION " for detect"));
    assert_non_null(strstr(bench->noted, "BRUME_IMAGES"));
    assert_int_equal(bench->n_done, 0);
    hurry(bench);
    bench_until(bench, &bench->n_done, 1);
    assert_non_null(strstr(bench->trouble, "stage 'detect': "));
    assert_non_null(strstr(bench->trouble, "cannot get the image"));
    bench_list(bench);
    assert_int_equal(bench->n_seen, 0);
    assert_int_equal(bench->n_gone, 0);
    bench_close(bench);
}

static void a_node_without_room_is_told_with_what_to_do(void **state)
{
    (void)state;
    struct bench *bench = bench_open("kubernetes", false);

    bench->cores = 4096;
    bench->may_fail = true;
    assert_int_equal(bench_start(bench, "detect", "device-2", "wait"), 0);
    until_noted(bench, "has no room for detect");
    assert_non_null(strstr(bench->noted, "kubectl describe node"));
    hurry(bench);
    bench_until(bench, &bench->n_done, 1);
    assert_non_null(strstr(bench->trouble, "has no room for detect"));
    bench_close(bench);
}

/* Until it is counted it may not hold. */
static void wait_for_quota(void)
{
    bool counted = false;

    while (!counted) {
        json_t *quota = bench_look("resourcequotas/none");
        counted = kubernetes_part(quota, "status", "used") != NULL;
        json_decref(quota);
    }
}

static void a_quota_that_is_used_up_is_told_and_waited_for(void **state)
{
    (void)state;
    cleanup(memory_free) char *quotas =
        memory_format("namespaces/%s/resourcequotas", bench_space);
    struct bench *bench = bench_open("kubernetes", false);

    json_decref(bench_ask("POST", quotas,
                          sample("{'metadata':{'name':'none'},'spec':{'hard':"
                                 "{'pods':'0'}}}")));
    wait_for_quota();
    assert_int_equal(bench_start(bench, "detect", "device-1", "wait"), 0);
    until_noted(bench, "gets no pod for detect: kubectl -n ");
    bench_delete("resourcequotas/none");
    bench_until(bench, &bench->n_done, 1);
    bench_until_heard(bench, "[detect wait]");
    bench_close(bench);
}

static void writing_outside_of_its_home_is_refused(void **state)
{
    (void)state;
    const struct fabric_mount mounts[] = {{(char *)"/home/me/out", true}};
    struct bench *bench = bench_open("kubernetes", false);

    bench->mounts = mounts;
    bench->n_mounts = 1;
    assert_int_equal(bench_start(bench, "detect", "device-1", "wait"), -EACCES);
    assert_non_null(strstr(bench->trouble, "/home/me/out"));
    bench_close(bench);
}

static void a_crash_is_told_as_that_of_a_process(void **state)
{
    (void)state;
    struct bench *bench = open_with_stage("crash");

    bench_until(bench, &bench->n_gone, 1);
    assert_non_null(strstr(bench->how, "killed by signal "));
    assert_false(bench->starved);
    bench->n_heard = 0;
    assert_int_equal(bench_start(bench, "detect", "device-1", "wait"), 0);
    bench_until_heard(bench, "[detect wait]");
    bench_close(bench);
}

static void a_greedy_stage_is_told_from_a_killed_one(void **state)
{
    (void)state;
    struct bench *bench = bench_open("kubernetes", false);

    bench->memory = 16 << 20;
    assert_int_equal(bench_start(bench, "detect", "device-2", "eat"), 0);
    bench_until(bench, &bench->n_gone, 1);
    assert_string_equal(bench->how, "killed by its memory limit (88Mi)");
    assert_true(bench->starved);
    bench_close(bench);
}

static void a_pod_that_somebody_deletes_is_gone(void **state)
{
    (void)state;
    struct bench *bench = open_with_stage("wait");
    cleanup(memory_free) char *pod = bench_pod();
    cleanup(memory_free) char *path = memory_format("pods/%s", pod);

    bench_delete(path);
    bench_until(bench, &bench->n_gone, 1);
    assert_string_equal(bench->how, "was deleted by somebody");
    bench_list(bench);
    assert_int_equal(bench->n_seen, 0);
    bench_close(bench);
}

static void an_end_is_done_when_the_pod_is_gone(void **state)
{
    (void)state;
    struct bench *bench = open_with_stage("wait");

    bench_stop(bench, "detect");
    bench_until(bench, &bench->n_done, 2);
    assert_int_equal(bench_count("pods"), 0);
    bench_close(bench);
}

static void an_abandoned_stage_is_not_waited_for(void **state)
{
    (void)state;
    struct bench *bench = open_with_stage("wait");

    bench_stop(bench, "detect");
    bench_abandon(bench, "detect");
    assert_true(kubernetes_of(bench)->stages->forced);
    bench_until(bench, &bench->n_done, 3);
    assert_int_equal(bench_count("pods"), 0);
    bench_close(bench);
}

static void the_next_life_does_not_wait_for_the_one_before(void **state)
{
    (void)state;
    struct bench *bench = open_with_stage("wait");

    bench_stop(bench, "detect");
    bench->life = 1;
    bench->n_heard = 0;
    memset(bench->heard, 0, sizeof(bench->heard));
    assert_int_equal(bench_start(bench, "detect", "device-2", "wait"), 0);
    bench_until_heard(bench, "[detect wait]");
    bench_until(bench, &bench->n_done, 3);
    bench_list(bench);
    assert_int_equal(bench->n_seen, 1);
    assert_string_equal(bench->device, "device-2");
    assert_int_equal(bench->n_gone, 0);
    bench_close(bench);
}

static double pod_cpu(struct bench *bench)
{
    json_t *usage = cluster_usage(kubernetes_of(bench)->cluster);
    const json_t *pods = json_object_get(usage, "pods"), *pod;
    double cpu = -1;
    size_t i;

    assert_true(json_array_size(json_object_get(usage, "nodes")) >= BENCH_DEVICES);
    json_array_foreach(pods, i, pod)
    {
        const char *space = json_string_value(json_object_get(pod, "namespace"));
        if (kubernetes_is(space, bench_space) && json_is_number(json_object_get(pod, "cpu")) &&
            json_is_integer(json_object_get(pod, "memory_used"))) {
            cpu = json_number_value(json_object_get(pod, "cpu"));
        }
    }
    json_decref(usage);
    return cpu;
}

static void work_is_counted_by_the_kubelets(void **state)
{
    (void)state;
    struct bench *bench = open_with_stage("burn");
    const char *device = bench_device(bench, "device-1");
    struct fabric_usage usage = {0};
    struct error err;

    while (usage.cpu_ns < 190000000 || usage.memory == 0 || pod_cpu(bench) < 0) {
        uv_run(&bench->loop, UV_RUN_ONCE);
        assert_int_equal(bench->fabric->ops->usage(bench->fabric, device, &usage, &err), 0);
    }
    bench_stop(bench, "detect");
    bench_until(bench, &bench->n_done, 2);
    assert_int_equal(bench->fabric->ops->usage(bench->fabric, device, &usage, &err), 0);
    assert_true(usage.cpu_ns >= 190000000);
    assert_int_equal(usage.memory, 0);
    bench_close(bench);
}

static bool is_ledger_left(const char *run)
{
    struct error err;
    cleanup(memory_free) char *folder = file_run_folder(&err);
    cleanup(memory_free) char *path = memory_format("%s/%s", folder, run);

    return access(path, F_OK) == 0;
}

static void closing_leaves_nothing(void **state)
{
    (void)state;
    struct bench *bench = open_with_stage("wait");
    cleanup(memory_free) char *run = memory_text(kubernetes_of(bench)->run);

    assert_int_equal(bench_count("pods"), 1);
    assert_int_equal(bench_count("secrets"), 1);
    assert_true(is_ledger_left(run));
    bench_close(bench);
    assert_int_equal(bench_count("pods"), 0);
    assert_int_equal(bench_count("secrets"), 0);
    assert_false(is_ledger_left(run));
}

/* A child that opens a fabric, starts a stage, tells its run and its keeper, and waits. */
static pid_t make_victim(char ret_run[8], pid_t *ret_keeper)
{
    int ends[2];

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct bench *bench = open_with_stage("wait");
        if (write(ends[1], kubernetes_of(bench)->site.ledger.run, 8) != 8) {
            _exit(1);
        }
        for (;;) {
            pause();
        }
    }
    close(ends[1]);
    assert_int_equal(read(ends[0], ret_run, 8), 8);
    close(ends[0]);
    struct error err;
    cleanup(memory_free) char *folder = file_run_folder(&err);
    cleanup(memory_free) char *path = memory_format("%s/%s", folder, ret_run);
    cleanup(memory_free) char *text = NULL;
    size_t size;
    assert_int_equal(file_read(path, 65536, (void **)&text, &size, &err), 0);
    *ret_keeper = (pid_t)strtol(strstr(text, "keeper ") + 7, NULL, 10);
    return pid;
}

static void kill_and_wait(pid_t pid, pid_t keeper)
{
    uint64_t began = process_start_time(keeper);

    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    while (process_lives(keeper, began)) {
        unsigned attempt = 0;
        process_pause(&attempt);
    }
}

static void a_killed_controller_leaves_nothing(void **state)
{
    (void)state;
    pid_t keeper;
    char run[8];
    pid_t victim = make_victim(run, &keeper);

    assert_int_equal(bench_count("pods"), 1);
    kill_and_wait(victim, keeper);
    assert_int_equal(bench_count("pods"), 0);
    assert_int_equal(bench_count("secrets"), 0);
    assert_false(is_ledger_left(run));
}

static void the_next_start_removes_what_controller_and_keeper_left(void **state)
{
    (void)state;
    pid_t keeper;
    char run[8];
    pid_t victim = make_victim(run, &keeper);

    assert_int_equal(kill(keeper, SIGKILL), 0);
    kill_and_wait(victim, keeper);
    assert_int_equal(bench_count("pods"), 1);
    bench_close(bench_open("kubernetes", false));
    assert_int_equal(bench_count("pods"), 0);
    assert_false(is_ledger_left(run));
}

static int remove_space(void **state)
{
    (void)state;
    bench_remove_space();
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(devices_are_the_nodes_of_the_cluster),
        cmocka_unit_test(devices_cannot_be_asked_for),
        cmocka_unit_test(a_cluster_that_does_not_answer_is_told_with_what_to_type),
        cmocka_unit_test(a_missing_image_is_told_with_what_to_do),
        cmocka_unit_test(a_node_without_room_is_told_with_what_to_do),
        cmocka_unit_test(a_quota_that_is_used_up_is_told_and_waited_for),
        cmocka_unit_test(writing_outside_of_its_home_is_refused),
        cmocka_unit_test(a_crash_is_told_as_that_of_a_process),
        cmocka_unit_test(a_greedy_stage_is_told_from_a_killed_one),
        cmocka_unit_test(a_pod_that_somebody_deletes_is_gone),
        cmocka_unit_test(an_end_is_done_when_the_pod_is_gone),
        cmocka_unit_test(an_abandoned_stage_is_not_waited_for),
        cmocka_unit_test(the_next_life_does_not_wait_for_the_one_before),
        cmocka_unit_test(work_is_counted_by_the_kubelets),
        cmocka_unit_test(closing_leaves_nothing),
        cmocka_unit_test(a_killed_controller_leaves_nothing),
        cmocka_unit_test(the_next_start_removes_what_controller_and_keeper_left),
    };

    if (argc > 1) {
        return bench_stage(argc, argv);
    }
    return bench_make_space()
               ? cmocka_run_group_tests_name("kubernetes", tests, NULL, remove_space)
               : 0;
}
