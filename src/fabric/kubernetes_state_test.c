/* What a pod's status means. */
#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "fabric/kubernetes_sample.h"
#include "fabric/kubernetes_state.h"

#define CONTAINER(state) "{'status':{'containerStatuses':[{'state':{" state "}}]}}"

static void ends_are_told_as_those_of_processes(void **state)
{
    (void)state;
    static const struct {
        const char *pod, *how;
        bool ran, starved;
    } rows[] = {
        {CONTAINER("'terminated':{'exitCode':70,'reason':'Error'}"), "exited with 70", true,
         false},
        {CONTAINER("'terminated':{'exitCode':0,'reason':'Completed'}"), "exited with 0", true,
         false},
        {CONTAINER("'terminated':{'exitCode':137,'reason':'Error'}"),
         "killed by signal 9 (Killed)", true, false},
        {CONTAINER("'terminated':{'exitCode':139,'reason':'Error'}"),
         "killed by signal 11 (Segmentation fault)", true, false},
        {"{'spec':{'containers':[{'resources':{'limits':{'memory':'100663296'}}}]},'status':{"
         "'containerStatuses':[{'state':{'terminated':{'exitCode':137,"
         "'reason':'OOMKilled'}}}]}}",
         "killed by its memory limit (96Mi)", true, true},
        {CONTAINER("'terminated':{'exitCode':128,'reason':'StartError','message':'no such "
                   "file'}"),
         "did not run: no such file", false, false},
        {"{'spec':{'nodeName':'node-2'},'status':{'phase':'Failed','reason':'Evicted',"
         "'message':'The node was low on resource: memory.'}}",
         "evicted by node-2: The node was low on resource: memory.", true, true},
        {"{'spec':{'nodeName':'node-2'},'status':{'phase':'Failed','reason':'Evicted',"
         "'message':'Usage of EmptyDir volume exceeds the limit'}}",
         "evicted by node-2: Usage of EmptyDir volume exceeds the limit", true, false},
        {"{'spec':{'nodeName':'node-2'},'status':{'phase':'Failed','reason':'Evicted',"
         "'containerStatuses':[{'state':{'terminated':{'exitCode':137}}}]}}",
         "evicted by node-2: no word why", true, false},
        {"{'spec':{'nodeName':'node-2'},'status':{'phase':'Failed','reason':'OutOfcpu',"
         "'message':'Node has not enough'}}",
         "not taken by node-2: OutOfcpu: Node has not enough", false, false},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        json_t *pod = sample(rows[i].pod);
        struct kubernetes_state is;

        kubernetes_state_read(pod, &is);
        assert_int_equal(is.phase, KUBERNETES_ENDED);
        assert_string_equal(is.how, rows[i].how);
        assert_true(is.ran == rows[i].ran);
        assert_true(is.starved == rows[i].starved);
        json_decref(pod);
    }
}

static void what_waits_says_what_for(void **state)
{
    (void)state;
    static const struct {
        const char *pod;
        enum kubernetes_trouble trouble;
        const char *why;
    } rows[] = {
        {"{}", KUBERNETES_FINE, NULL},
        {"{'status':{'phase':'Pending'}}", KUBERNETES_FINE, NULL},
        {CONTAINER("'waiting':{'reason':'ContainerCreating'}"), KUBERNETES_FINE, NULL},
        {CONTAINER("'waiting':{'reason':'ErrImagePull','message':'not found'}"),
         KUBERNETES_NO_IMAGE, "not found"},
        {CONTAINER("'waiting':{'reason':'ImagePullBackOff','message':'Back-off'}"),
         KUBERNETES_NO_IMAGE, "Back-off"},
        {CONTAINER("'waiting':{'reason':'ErrImageNeverPull','message':'absent'}"),
         KUBERNETES_NO_IMAGE, "absent"},
        {CONTAINER("'waiting':{'reason':'CreateContainerConfigError','message':'secret'}"),
         KUBERNETES_REFUSED, "secret"},
        {"{'status':{'phase':'Pending','conditions':[{'type':'PodScheduled',"
         "'status':'False','reason':'Unschedulable','message':'Insufficient cpu'}]}}",
         KUBERNETES_NO_ROOM, "Insufficient cpu"},
        {"{'status':{'conditions':[{'type':'PodScheduled','status':'True'}]}}", KUBERNETES_FINE,
         NULL},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        json_t *pod = sample(rows[i].pod);
        struct kubernetes_state is;

        kubernetes_state_read(pod, &is);
        assert_int_equal(is.phase, KUBERNETES_WAITING);
        assert_int_equal(is.trouble, rows[i].trouble);
        if (rows[i].why != NULL) {
            assert_string_equal(is.why, rows[i].why);
        }
        json_decref(pod);
    }
}

static void what_runs_runs_and_may_be_leaving(void **state)
{
    (void)state;
    json_t *pod = sample("{'metadata':{'deletionTimestamp':'2026-01-31T12:00:00Z'},'status':"
                         "{'phase':'Running','containerStatuses':[{'state':{'running':{}}}]}}");
    struct kubernetes_state is;

    kubernetes_state_read(pod, &is);
    assert_int_equal(is.phase, KUBERNETES_RUNNING);
    assert_true(is.ran);
    assert_true(is.leaving);
    json_decref(pod);
}

static void sentences_name_pod_node_and_image_and_what_to_do(void **state)
{
    (void)state;
    static const struct {
        enum kubernetes_trouble trouble;
        int code;
        const char *says[3];
    } rows[] = {
        {KUBERNETES_NO_IMAGE,
         -ENOPKG,
         {"node-2 cannot get the image brume/stage-all:1 for detect-1", "BRUME_IMAGES",
          "pod shop/detect-x: the word"}},
        {KUBERNETES_NO_ROOM,
         -ENOSPC,
         {"node-2 has no room for detect-1", "kubectl describe node node-2",
          "pod shop/detect-x: the word"}},
        {KUBERNETES_REFUSED,
         -EIO,
         {"node-2 does not start detect-1", "kubectl -n shop describe pod detect-x",
          "the word"}},
    };
    const struct kubernetes_subject subject = {"detect-1", "node-2", "brume/stage-all:1",
                                               "shop", "detect-x"};

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        const struct kubernetes_state is = {.trouble = rows[i].trouble, .why = "the word"};
        struct error err;

        assert_int_equal(kubernetes_state_explain(&is, &subject, &err), rows[i].code);
        for (size_t j = 0; j < 3; j++) {
            assert_non_null(strstr(err.text, rows[i].says[j]));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ends_are_told_as_those_of_processes),
        cmocka_unit_test(what_waits_says_what_for),
        cmocka_unit_test(what_runs_runs_and_may_be_leaving),
        cmocka_unit_test(sentences_name_pod_node_and_image_and_what_to_do),
    };

    return cmocka_run_group_tests_name("kubernetes_state", tests, NULL, NULL);
}
