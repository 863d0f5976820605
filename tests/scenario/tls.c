/* Encrypted links between real processes: what comes out is what comes out without, nothing is
 * lost when stages are killed, and a stranger on the same network gets no word in or out. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "fixture/scenario.h"
#include "net/authority.h"
#include "net/credentials.h"
#include "wire/message.h"

enum { DETECTED = 24, FRAMES = 60, PATIENCE_SECONDS = 30 };

#define PICTURES "/usr/share/darknet/data/*.jpg"

/* The lines of a json-sink's file, without what every run has of its own. */
static json_t *read_boxes(const char *name)
{
    cleanup(memory_free) char *text = scenario_read(name);
    json_t *lines = json_array();
    char *rest = text;

    for (const char *line; (line = strsep(&rest, "\n")) != NULL && *line != '\0';) {
        json_t *json = scenario_json(line);
        json_object_del(json, "captured");
        json_object_del(json, "run");
        json_array_append_new(lines, json);
    }
    return lines;
}

/* What the detector finds, on three devices. */
static json_t *detect(const char *tls)
{
    cleanup(memory_free) char *out = NULL;
    cleanup(memory_free) char *err = NULL;

    cleanup(memory_free) char *frames = memory_format("%d", DETECTED);

    unlink("dog.json");
    scenario_detector("dog", PICTURES, true, "");
    SCENARIO_RUN(0, &out, &err, "run", "dog.yaml", "--devices", "3", "--cpu", "0.5",
                 "--replicas", "off", "--cut", "49,120", "--frames", frames, "--json", "--tls",
                 tls);
    cleanup(json_decrefp) json_t *report = scenario_json(out);
    scenario_assert_frames(report, DETECTED, DETECTED);
    assert_true(json_array_size(json_object_get(report, "links")) > 1);
    return read_boxes("dog.json");
}

static void what_comes_out_is_the_same_with_and_without(void **state)
{
    (void)state;
    scenario_needs_root();
    cleanup(json_decrefp) json_t *plain = detect("off");
    cleanup(json_decrefp) json_t *encrypted = detect("on");

    assert_int_equal(json_array_size(plain), DETECTED);
    assert_true(json_equal(plain, encrypted));
}

/* Counts from a file to a file, over three stages. */
static struct scenario *start_numbers(const char *folder)
{
    scenario_write(
        "numbers.yaml",
        "apiVersion: brume.dev/v1alpha1\n"
        "kind: Application\n"
        "metadata: { name: numbers }\n"
        "spec:\n"
        "  operators:\n"
        "    - { name: camera, use: image-source, with: { path: '%s', repeat: true, rate: 20/s "
        "} }\n"
        "    - { name: picture, use: decode, in: [camera] }\n"
        "    - { name: small, use: resize, in: [picture], with: { size: 64x64 } }\n"
        "    - { name: files, use: image-sink, in: [small], with: { path: %s } }\n",
        PICTURES, folder);
    return SCENARIO("run", "numbers.yaml", "--devices", "3", "--cpu", "0.5", "--place",
                    "camera=device-1", "--place", "picture=device-2", "--place",
                    "small=device-3", "--place", "files=device-1", "--frames", "60", "--json",
                    "--tls", "on");
}

struct picture {
    const char *folder;
    unsigned number;
};

static bool has_picture(struct scenario *scenario, const void *what)
{
    const struct picture *picture = what;
    cleanup(memory_free) char *path =
        memory_format("%s/%06u.jpg", picture->folder, picture->number);

    (void)scenario;
    return access(path, F_OK) == 0;
}

static void expect_numbers(struct scenario *scenario, size_t n_failures)
{
    scenario_expect(scenario, 0);
    cleanup(memory_free) char *out = scenario_read(scenario->out);
    cleanup(json_decrefp) json_t *report = scenario_json(out);
    scenario_assert_frames(report, FRAMES, FRAMES);
    assert_true(json_array_size(json_object_get(report, "failures")) >= n_failures);
}

static void a_stage_that_is_killed_is_replaced_and_loses_nothing(void **state)
{
    (void)state;
    struct scenario_stage stages[SCENARIO_STAGES_MAX];

    scenario_needs_root();
    scenario_needs(PICTURES);
    struct scenario *scenario = start_numbers("killed");
    for (unsigned next = 5; next <= 35; next += 10) {
        const struct picture picture = {"killed", next};

        scenario_until(scenario, has_picture, &picture);
        size_t n = scenario_stages(scenario, stages);
        assert_true(n > 0);
        kill(stages[n > 0 ? next / 10 % n : 0].pid, SIGKILL);
    }
    expect_numbers(scenario, 4);
    scenario_close(scenario);
}

/* The stranger: a process of ours on the network of a stage. */

/* Where somebody listens on that network; false: nowhere. */
static bool find_listener(pid_t pid, struct sockaddr_in *ret_address)
{
    cleanup(memory_free) char *path = memory_format("/proc/%d/net/tcp", (int)pid);
    cleanup(memory_free) char *table = scenario_read(path);
    unsigned host, port, state;

    for (const char *line = strchr(table, '\n'); line != NULL; line = strchr(line + 1, '\n')) {
        /* NOLINTNEXTLINE(cert-err34-c): what the kernel writes */
        if (sscanf(line, " %*u: %8X:%4X %*8X:%*4X %2X", &host, &port, &state) == 3 &&
            state == 0x0a) {
            *ret_address = (struct sockaddr_in){.sin_family = AF_INET,
                                                .sin_addr.s_addr = host,
                                                .sin_port = htons((uint16_t)port)};
            return true;
        }
    }
    return false;
}

static int dial(const struct sockaddr_in *address)
{
    const struct timeval patience = {.tv_sec = PATIENCE_SECONDS};
    int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    return connect(s, (const struct sockaddr *)address, sizeof(*address)) == 0 ? s : -1;
}

/* A hello, and a frame behind it. */
static size_t write_words(uint8_t *words)
{
    static const char text[] = "{\"from\":\"camera-1\",\"to\":\"picture-1\",\"token\":\"\","
                               "\"version\":2}";
    const struct message hello = {.kind = MESSAGE_HELLO, .size = sizeof(text) - 1};
    const struct message frame = {.kind = MESSAGE_FRAME, .sequence = 1};

    message_encode(&hello, words);
    memcpy(words + MESSAGE_HEADER_SIZE, text, sizeof(text) - 1);
    message_encode(&frame, words + MESSAGE_HEADER_SIZE + sizeof(text) - 1);
    return 2UL * MESSAGE_HEADER_SIZE + sizeof(text) - 1;
}

/* Speaks as it is; whether the answer was none but the end of the link. */
static bool plain_is_refused(const struct sockaddr_in *address)
{
    uint8_t words[512];
    cleanup(file_closep) int s = dial(address);
    size_t n = write_words(words);

    return s >= 0 && write(s, words, n) == (ssize_t)n && read(s, words, sizeof(words)) <= 0;
}

/* Of an authority that is not the run's. */
static void take_foreign_certificate(SSL_CTX *context)
{
    struct authority *authority = NULL;
    struct credentials credentials = {0};
    struct error err;

    if (authority_create(&authority, &err) < 0 ||
        authority_issue(authority, "camera-1", &credentials, &err) < 0) {
        abort();
    }
    BIO *certificate_text = BIO_new_mem_buf(credentials.certificate, -1);
    BIO *key_text = BIO_new_mem_buf(credentials.key, -1);
    X509 *certificate = PEM_read_bio_X509(certificate_text, NULL, NULL, NULL);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(key_text, NULL, NULL, NULL);
    if (SSL_CTX_use_certificate(context, certificate) != 1 ||
        SSL_CTX_use_PrivateKey(context, key) != 1) {
        abort();
    }
    X509_free(certificate);
    EVP_PKEY_free(key);
    BIO_free(certificate_text);
    BIO_free(key_text);
    credentials_finish(&credentials);
    authority_destroy(authority);
}

/* The same with TLS; it believes whatever certificate it is shown. */
static bool tls_is_refused(const struct sockaddr_in *address, bool certificate)
{
    uint8_t words[512];
    cleanup(file_closep) int s = dial(address);
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());

    if (certificate) {
        take_foreign_certificate(context);
    }
    SSL *ssl = SSL_new(context);
    SSL_set_fd(ssl, s);
    /* Who dials has shaken hands before the other end has seen its certificate. */
    bool refused = SSL_connect(ssl) != 1;
    SSL_write(ssl, words, (int)write_words(words));
    refused = refused || SSL_read(ssl, words, sizeof(words)) <= 0;
    SSL_free(ssl);
    SSL_CTX_free(context);
    return s >= 0 && refused;
}

static _Noreturn void be_a_stranger(pid_t pid, const struct sockaddr_in *address)
{
    cleanup(memory_free) char *path = memory_format("/proc/%d/ns/net", (int)pid);
    int network = open(path, O_RDONLY | O_CLOEXEC);

    signal(SIGPIPE, SIG_IGN);
    if (network < 0 || setns(network, CLONE_NEWNET) < 0) {
        _exit(4);
    }
    _exit(!plain_is_refused(address)        ? 1
          : !tls_is_refused(address, false) ? 2
          : !tls_is_refused(address, true)  ? 3
                                            : 0);
}

static void a_stranger_gets_no_word_in_or_out(void **state)
{
    (void)state;
    struct scenario_stage stages[SCENARIO_STAGES_MAX];
    struct sockaddr_in address;
    const struct picture begun = {"overheard", 3};
    unsigned n_asked = 0;

    scenario_needs_root();
    scenario_needs(PICTURES);
    struct scenario *scenario = start_numbers("overheard");
    scenario_until(scenario, has_picture, &begun);
    size_t n = scenario_stages(scenario, stages);
    for (size_t i = 0; i < n; i++) {
        int status;

        if (!find_listener(stages[i].pid, &address)) {
            continue;
        }
        pid_t stranger = fork();
        if (stranger == 0) {
            be_a_stranger(stages[i].pid, &address);
        }
        assert_int_equal(waitpid(stranger, &status, 0), stranger);
        assert_int_equal(status, 0);
        n_asked++;
    }
    assert_true(n_asked > 0);
    expect_numbers(scenario, 0);
    cleanup(memory_free) char *said = scenario_read(scenario->err);
    assert_non_null(strstr(said, "why=\"does not speak TLS\""));
    assert_non_null(strstr(said, "peer did not return a certificate"));
    assert_non_null(strstr(said, "has a certificate that is not believed"));
    scenario_close(scenario);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_comes_out_is_the_same_with_and_without),
        cmocka_unit_test(a_stage_that_is_killed_is_replaced_and_loses_nothing),
        cmocka_unit_test(a_stranger_gets_no_word_in_or_out),
    };

    return cmocka_run_group_tests_name("tls", tests, scenario_make, scenario_remove);
}
