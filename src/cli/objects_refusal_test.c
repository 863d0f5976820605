#include <errno.h>
#include <sysexits.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/test.h"
#include "cli/objects_refusal.h"

static const struct {
    int status, code;
} codes[] = {{400, -EINVAL}, {401, -EACCES}, {403, -EACCES}, {404, -ENOENT},
             {409, -EBUSY},  {422, -EINVAL}, {500, -EIO},    {503, -EAGAIN}};

/* `answer` with ' for ", as servers give it. */
static void refused(int status, const char *answer, const char *file, int code,
                    const char *sentence)
{
    cleanup(memory_free) char *text = memory_text(answer);
    struct error err = {.code = -ECONNREFUSED, .text = "cannot reach the API server"};
    int got = 0;

    for (char *c = text; *c != '\0'; c++) {
        if (*c == '\'') {
            *c = '"';
        }
    }
    for (size_t i = 0; i < sizeof(codes) / sizeof(*codes); i++) {
        if (codes[i].status == status) {
            err.code = codes[i].code;
        }
    }
    cleanup(json_decrefp) json_t *json = json_loads(text, 0, NULL);
    const struct objects_refusal refusal = {.status = status,
                                            .json = json,
                                            .err = &err,
                                            .space = "shop",
                                            .name = "street",
                                            .file = file,
                                            .server = "https://10.0.0.1:6443"};
    cleanup(memory_free) char *said = objects_refusal_explain(&refusal, &got);
    assert_string_equal(said, sentence);
    assert_int_equal(got, code);
}

static void what_is_not_there_is_told_apart(void **state)
{
    (void)state;
    refused(404,
            "{'message': 'applications.brume.dev … not found', 'details': {'name': 'street', "
            "'group': 'brume.dev', 'kind': 'applications'}}",
            NULL, EX_NOINPUT, "there is no application 'street' in the namespace 'shop'");
    refused(404,
            "{'message': 'namespaces … not found', 'details': {'name': 'shop', 'kind': "
            "'namespaces'}}",
            NULL, EX_NOINPUT, "there is no namespace 'shop'");
}

static void a_cluster_without_brume_says_how_to_install_it(void **state)
{
    static const char sentence[] = "the cluster does not know applications: install brume "
                                   "first, with `kubectl apply -k deploy/kubernetes/base`";

    (void)state;
    refused(404, "404 page not found", NULL, EX_UNAVAILABLE, sentence);
    refused(404, "{'message': 'the server could not find the requested resource'}", NULL,
            EX_UNAVAILABLE, sentence);
}

static void every_cause_is_told_with_its_field(void **state)
{
    (void)state;
    refused(422,
            "{'message': 'Application.brume.dev is invalid', 'details': {'causes': [{'field': "
            "'spec.objective', 'message': 'Unsupported value: foo'}, {'field': "
            "'spec.operators.use', 'message': 'Required\\nvalue'}]}}",
            "street.yaml", EX_DATAERR,
            "street.yaml: the API server refuses it: spec.objective: Unsupported value: foo; "
            "spec.operators.use: Required value");
    refused(422, "{'message': 'too large'}", "street.yaml", EX_DATAERR,
            "street.yaml: the API server refuses it: too large");
    refused(400, "{'message': 'what?'}", NULL, EX_DATAERR, "what?");
}

static void who_may_not_is_told_in_the_server_s_words(void **state)
{
    (void)state;
    refused(403, "{'message': 'User x cannot list resource applications'}", NULL, EX_NOPERM,
            "User x cannot list resource applications");
    refused(401, "{'message': 'Unauthorized'}", NULL, EX_NOPERM,
            "the API server does not believe who you are: Unauthorized");
}

static void trouble_with_the_server_itself_is_its_own(void **state)
{
    (void)state;
    refused(0, "", NULL, EX_UNAVAILABLE, "cannot reach the API server (https://10.0.0.1:6443)");
    refused(503, "{'message': 'starting'}", NULL, EX_UNAVAILABLE,
            "cannot reach the API server");
    refused(409, "{}", NULL, EX_UNAVAILABLE,
            "others change the application 'street' all the time");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_there_is_told_apart),
        cmocka_unit_test(a_cluster_without_brume_says_how_to_install_it),
        cmocka_unit_test(every_cause_is_told_with_its_field),
        cmocka_unit_test(who_may_not_is_told_in_the_server_s_words),
        cmocka_unit_test(trouble_with_the_server_itself_is_its_own),
    };

    return cmocka_run_group_tests_name("objects_refusal", tests, NULL, NULL);
}
