/* Where the API server is and who we are, from files as users have them, and from programs that
 * are run. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/test.h"
#include "base/test_folder.h"
#include "kube/config.h"
#include "kube/kubeconfig.h"
#include "kube/plugin.h"
#include "kube/timestamp.h"

#define CLUSTER                              \
    "apiVersion: v1\nkind: Config\n"         \
    "current-context: there\n"               \
    "contexts:\n"                            \
    "- name: there\n"                        \
    "  context: {cluster: far, user: me}\n"  \
    "clusters:\n"                            \
    "- name: far\n"                          \
    "  cluster: {server: 'https://far:1'}\n" \
    "users:\n- name: me\n  user: "

static void write_file(const char *path, const char *text)
{
    struct error err;

    assert_int_equal(file_write(path, text, strlen(text), &err), 0);
}

static void write_program(const char *path, const char *text)
{
    write_file(path, text);
    assert_int_equal(chmod(path, 0700), 0);
}

static struct kube_config *load(const char *kubeconfig)
{
    const struct kube_surroundings around = {.kubeconfig = kubeconfig};
    struct kube_config *config = NULL;
    struct error err = {0};

    if (kube_config_load_from(&around, &config, &err) < 0) {
        fail_msg("%s", err.text);
    }
    return config;
}

static const struct http_place *place_of(struct kube_config *config)
{
    const struct http_place *place = NULL;
    struct error err;

    if (kube_config_place(config, &place, &err) < 0) {
        fail_msg("%s", err.text);
    }
    return place;
}

static void refused(const char *text, int code, const char *sentence)
{
    const struct kube_surroundings around = {.kubeconfig = "refused"};
    struct kube_config *config = NULL;
    struct error err = {0};

    write_file("refused", text);
    assert_int_equal(kube_config_load_from(&around, &config, &err), code);
    assert_string_equal(err.text, sentence);
}

static void a_kubeconfig_says_all(void **state)
{
    (void)state;
    mkdir("deep", 0700);
    write_file("deep/config",
               "apiVersion: v1\nkind: Config\n"
               "current-context: b\n"
               "contexts:\n"
               "- {name: a, context: {cluster: x, user: y}}\n"
               "- {name: b, context: {cluster: near, user: me, namespace: street}}\n"
               "clusters:\n"
               "- name: near\n"
               "  cluster:\n"
               "    server: https://10.0.0.1:6443/\n"
               "    tls-server-name: kubernetes\n"
               "    proxy-url: http://proxy:3128\n"
               "    certificate-authority: pki/ca.crt\n"
               "users:\n"
               "- name: me\n"
               "  user:\n"
               "    client-certificate: /etc/me.crt\n"
               "    client-key-data: c2Vj\n"
               "      cmV0\n");
    struct kube_config *config = load("deep/config");
    const struct http_place *place = place_of(config);

    assert_string_equal(place->url, "https://10.0.0.1:6443");
    assert_string_equal(place->server_name, "kubernetes");
    assert_string_equal(place->proxy, "http://proxy:3128");
    assert_string_equal(place->authority, "deep/pki/ca.crt");
    assert_string_equal(place->certificate, "/etc/me.crt");
    assert_string_equal(place->key_pem, "secret");
    assert_null(place->token);
    assert_false(place->insecure);
    assert_string_equal(kube_config_namespace(config), "street");
    assert_false(kube_config_in_cluster(config));
    kube_config_destroy(config);
}

static void of_several_files_the_first_that_says_something_wins(void **state)
{
    (void)state;
    write_file("one", "users: [{name: me, user: {token: mine}}]\n");
    write_file("empty", "\n");
    write_file("two", CLUSTER "{token: theirs, tokenFile: nowhere}\n");
    struct kube_config *config = load("missing:one::empty:two");

    assert_string_equal(place_of(config)->url, "https://far:1");
    assert_string_equal(place_of(config)->token, "mine");
    assert_string_equal(kube_config_namespace(config), "default");
    kube_config_destroy(config);
}

static void what_cannot_be_used_is_refused_with_its_place(void **state)
{
    (void)state;
    refused("a: [", -EINVAL,
            "refused:2:1: not YAML: did not find expected node content while parsing a flow "
            "node");
    refused("a: 1\n", -EINVAL,
            "refused: no context is the current one; choose one with 'kubectl config "
            "use-context'");
    refused("current-context: x\n", -EINVAL, "refused: there is no context 'x'");
    refused("current-context: x\ncontexts: [{name: x, context: {cluster: y}}]\n", -EINVAL,
            "refused: there is no cluster 'y'");
    refused(CLUSTER "{username: a, password: b}\n", -EINVAL,
            "refused:12:9: passwords are not supported; use a token or a client certificate");
    refused(CLUSTER "{client-key-data: c2VjcmV0}\n", -EINVAL,
            "refused:12:9: a client certificate and its key must stand together");
    refused(CLUSTER "{client-key-data: '?'}\n", -EINVAL,
            "refused:12:27: client-key-data is not a text in base64");
    refused(CLUSTER "{token: \"a\\nb\"}\n", -EINVAL, "refused: the user's token is none");
    refused(CLUSTER "{exec: {command: x, apiVersion: client.authentication.k8s.io/v1alpha1}}\n",
            -EINVAL,
            "refused:12:16: 'exec' must have the apiVersion client.authentication.k8s.io/v1 or "
            "v1beta1, not 'client.authentication.k8s.io/v1alpha1'");
}

static void nothing_at_all_is_said_so(void **state)
{
    const struct kube_surroundings nothing = {0}, wrong = {.kubeconfig = "missing:nowhere"};
    struct kube_config *config = NULL;
    struct error err;

    (void)state;
    assert_int_equal(kube_config_load_from(&nothing, &config, &err), -ENOENT);
    assert_non_null(strstr(err.text, "KUBECONFIG is not set"));
    assert_int_equal(kube_config_load_from(&wrong, &config, &err), -ENOENT);
    assert_string_equal(err.text, "missing:nowhere: there is no such kubeconfig file");
}

static void in_a_pod_the_token_is_read_anew_when_it_changes(void **state)
{
    const struct kube_surroundings around = {
        .host = "fd00::1", .port = "443", .account = "account"};
    struct kube_config *config = NULL;
    struct error err;

    (void)state;
    mkdir("account", 0700);
    write_file("account/token", "first\n");
    write_file("account/namespace", "brume");
    assert_int_equal(kube_config_load_from(&around, &config, &err), 0);
    assert_true(kube_config_in_cluster(config));
    assert_string_equal(kube_config_namespace(config), "brume");
    assert_string_equal(place_of(config)->url, "https://[fd00::1]:443");
    assert_string_equal(place_of(config)->authority, "account/ca.crt");
    assert_string_equal(place_of(config)->token, "first");
    write_file("account/token", "second");
    assert_string_equal(place_of(config)->token, "second");
    write_file("account/token", ""); /* it is about to be written */
    assert_string_equal(place_of(config)->token, "second");
    write_file("account/token", "third");
    assert_string_equal(place_of(config)->token, "third");
    unlink("account/token");
    assert_string_equal(place_of(config)->token, "third");
    kube_config_destroy(config);
}

#define PLUGIN                                                                      \
    CLUSTER "\n    exec:\n      apiVersion: client.authentication.k8s.io/v1beta1\n" \
            "      command: ./plugin\n      installHint: get it from us\n"

static void a_plug_in_says_who_we_are(void **state)
{
    (void)state;
    write_program("plugin", "#!/bin/sh\n"
                            "echo x >> runs\n"
                            "echo \"$KUBERNETES_EXEC_INFO\" > asked\n"
                            "echo \"{\\\"kind\\\": \\\"ExecCredential\\\", \\\"apiVersion\\\": "
                            "\\\"client.authentication.k8s.io/v1beta1\\\", \\\"status\\\": "
                            "{\\\"token\\\": \\\"$WHO-$1-$(wc -l < runs)\\\", "
                            "\\\"clientCertificateData\\\": \\\"pem\\\", "
                            "\\\"clientKeyData\\\": \\\"secret\\\"}}\"\n");
    write_file("config", PLUGIN "      args: [you]\n"
                                "      env: [{name: WHO, value: me}]\n"
                                "      provideClusterInfo: true\n");
    struct kube_config *config = load("config");
    cleanup(memory_free) void *asked = NULL;
    struct error err;
    size_t size = 0;

    assert_string_equal(place_of(config)->token, "me-you-1");
    assert_string_equal(place_of(config)->token, "me-you-1");
    assert_string_equal(place_of(config)->certificate_pem, "pem");
    assert_string_equal(place_of(config)->key_pem, "secret");
    assert_int_equal(file_read("asked", 4096, &asked, &size, &err), 0);
    assert_string_equal(asked, "{\"apiVersion\":\"client.authentication.k8s.io/v1beta1\","
                               "\"kind\":\"ExecCredential\",\"spec\":{\"interactive\":false,"
                               "\"cluster\":{\"server\":\"https://far:1\"}}}\n");
    kube_config_stale(config);
    assert_string_equal(place_of(config)->token, "me-you-1"); /* it was just run */
    kube_config_destroy(config);
}

static void fails(const char *program, int code, const char *sentence)
{
    const struct http_place *place = NULL;
    struct error err = {0};

    if (program != NULL) {
        write_program("plugin", program);
    } else {
        unlink("plugin");
    }
    write_file("config", PLUGIN);
    struct kube_config *config = load("config");
    assert_int_equal(kube_config_place(config, &place, &err), code);
    assert_string_equal(err.text, sentence);
    assert_int_equal(kube_config_place(config, &place, &err), code);
    kube_config_destroy(config);
}

static void what_a_plug_in_did_wrong_is_told_without_its_answer(void **state)
{
    (void)state;
    fails("#!/bin/sh\necho secret; echo please log in >&2; echo more >&2; exit 1\n", -EACCES,
          "the credential plug-in './plugin' failed: please log in");
    fails("#!/bin/sh\necho secret; exit 3\n", -EACCES,
          "the credential plug-in './plugin' failed (exit code 3)");
    fails("#!/bin/sh\necho secret\n", -EINVAL,
          "the credential plug-in './plugin' did not answer in JSON");
    fails("#!/bin/sh\necho '{\"apiVersion\": \"v1\", \"status\": {\"token\": \"a\"}}'\n",
          -EINVAL,
          "the credential plug-in './plugin' answers in another apiVersion than it was asked "
          "in");
    fails(
        NULL, -ENOENT,
        "cannot run the credential plug-in './plugin': No such file or directory; get it from "
        "us");
}

static void a_plug_in_that_hangs_is_ended(void **state)
{
    static char version[] = "client.authentication.k8s.io/v1", command[] = "./plugin";
    const struct kube_identity identity = {.plugin = {.command = command, .version = version}};
    struct kube_credential credential = {0};
    struct error err;

    (void)state;
    write_program("plugin", "#!/bin/sh\nsleep 1000 & exec >&- 2>&-; wait\n");
    assert_int_equal(kube_plugin_run(&identity, 50, &credential, &err), -ETIMEDOUT);
    assert_string_equal(err.text, "the credential plug-in './plugin' does not answer");
}

static void an_answer_of_a_plug_in_is_checked(void **state)
{
    static const struct {
        const char *status;
        int code;
    } rows[] = {
        {"{\"token\": \"a\", \"expirationTimestamp\": \"2026-01-31T13:00:00+01:00\"}", 0},
        {"{\"token\": \"a\", \"expirationTimestamp\": null}", 0},
        {"{\"clientCertificateData\": \"a\", \"clientKeyData\": \"b\"}", 0},
        {"{\"token\": \"a b\"}", -EINVAL},
        {"{\"token\": \"\"}", -EINVAL},
        {"{\"token\": 1}", -EINVAL},
        {"{\"token\": \"a\", \"clientKeyData\": \"b\"}", -EINVAL},
        {"{\"token\": \"a\", \"expirationTimestamp\": \"soon\"}", -EINVAL},
        {"{}", -EINVAL},
        {"[]", -EINVAL},
    };
    static char version[] = "v", command[] = "x";
    const struct kube_identity identity = {.plugin = {.command = command, .version = version}};

    (void)state;
    for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        cleanup(memory_free) char *answer =
            memory_format("{\"apiVersion\": \"v\", \"status\": %s}", rows[i].status);
        struct kube_credential credential = {0};
        struct error err;
        assert_int_equal(kube_plugin_read(&identity, answer, &credential, &err), rows[i].code);
        if (i == 0) {
            assert_int_equal(credential.expires_ms, 1769860800000);
        }
        kube_credential_finish(&credential);
    }
}

static void a_text_in_base64_is_read(void **state)
{
    cleanup(memory_free) char *text = kube_decode("LS0tLS1CRUdJTiBD\nRVJUSUZJQ0FURS0tLS0tCg==");

    (void)state;
    assert_string_equal(text, "-----BEGIN CERTIFICATE-----\n");
    assert_null(kube_decode("YQBi")); /* a zero byte */
    assert_null(kube_decode("YWJ"));
    assert_null(kube_decode(""));
}

static void moments_are_read_and_written(void **state)
{
    char text[KUBE_TIMESTAMP_TEXT];
    uint64_t ms = 0;

    (void)state;
    assert_int_equal(kube_timestamp_read("2026-01-31T12:00:00.123456789Z", &ms), 0);
    assert_int_equal(ms, 1769860800123);
    assert_string_equal(kube_timestamp_micro(ms, text), "2026-01-31T12:00:00.123000Z");
    assert_string_equal(kube_timestamp(ms, text), "2026-01-31T12:00:00Z");
    assert_int_equal(kube_timestamp_read("2026-01-31T12:00:00", &ms), -EINVAL);
    assert_int_equal(kube_timestamp_read("2026-01-31T12:00:00+1:00", &ms), -EINVAL);
    assert_int_equal(kube_timestamp_read("2026-01-31 12:00:00Z", &ms), -EINVAL);
    assert_int_equal(kube_timestamp_read("0001-01-01T00:00:00Z", &ms), -EINVAL);
    assert_int_equal(kube_timestamp_read("", &ms), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_kubeconfig_says_all),
        cmocka_unit_test(of_several_files_the_first_that_says_something_wins),
        cmocka_unit_test(what_cannot_be_used_is_refused_with_its_place),
        cmocka_unit_test(nothing_at_all_is_said_so),
        cmocka_unit_test(in_a_pod_the_token_is_read_anew_when_it_changes),
        cmocka_unit_test(a_plug_in_says_who_we_are),
        cmocka_unit_test(what_a_plug_in_did_wrong_is_told_without_its_answer),
        cmocka_unit_test(a_plug_in_that_hangs_is_ended),
        cmocka_unit_test(an_answer_of_a_plug_in_is_checked),
        cmocka_unit_test(a_text_in_base64_is_read),
        cmocka_unit_test(moments_are_read_and_written),
    };

    return cmocka_run_group_tests_name("kube config", tests, test_folder_make,
                                       test_folder_remove);
}
