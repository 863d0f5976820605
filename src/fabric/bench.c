#include "fabric/bench.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "fabric/docker_engine.h"
#include "fabric/site.h"
#include "fabric/testbed.h"

#define IMAGE_MOST ((size_t)256 << 20)

const char *bench_space;

static void on_gone(void *owner, const char *stage, const char *how, bool starved)
{
    struct bench *bench = owner;

    bench->n_gone++;
    bench->starved = starved;
    snprintf(bench->gone, sizeof(bench->gone), "%s", stage);
    snprintf(bench->how, sizeof(bench->how), "%s", how);
}

static void on_noted(void *owner, const char *text)
{
    struct bench *bench = owner;

    snprintf(bench->noted, sizeof(bench->noted), "%s", text);
    bench->n_noted++;
}

static void on_done(void *owner, const struct error *err)
{
    struct bench *bench = owner;

    if (err != NULL && !bench->may_fail) {
        fail_msg("%s", err->text);
    }
    snprintf(bench->trouble, sizeof(bench->trouble), "%s", err != NULL ? err->text : "");
    bench->n_done++;
}

static void on_seen(void *owner, const char *stage, const char *device)
{
    struct bench *bench = owner;
    const struct fabric_device *devices;
    size_t n = bench->fabric->ops->devices(bench->fabric, &devices), i = 0;

    while (i < n && strcmp(devices[i].name, device) != 0) {
        i++;
    }
    bench->n_seen++;
    snprintf(bench->seen, sizeof(bench->seen), "%s", stage);
    snprintf(bench->device, sizeof(bench->device), "device-%zu", i + 1);
}

static void on_device(void *owner, const char *device, bool usable, const char *why)
{
    struct bench *bench = owner;

    bench->n_changed++;
    snprintf(bench->lost, sizeof(bench->lost), "%s", usable ? "" : device);
    snprintf(bench->why, sizeof(bench->why), "%s", usable ? "" : why);
}

const char *bench_device(const struct bench *bench, const char *alias)
{
    const struct fabric_device *devices;
    size_t n = bench->fabric->ops->devices(bench->fabric, &devices);
    size_t index = strtoul(alias + strlen("device-"), NULL, 10) - 1;

    return index < BENCH_DEVICES && index < n ? devices[index].name : alias;
}

static void give_room(uv_handle_t *handle, size_t wanted, uv_buf_t *ret_room)
{
    struct bench *bench = handle->data;

    (void)wanted;
    *ret_room = uv_buf_init(bench->heard + bench->n_heard,
                            (unsigned)(sizeof(bench->heard) - 1 - bench->n_heard));
}

static void free_handle(uv_handle_t *handle)
{
    free(handle);
}

static void on_words(uv_stream_t *stream, ssize_t n, const uv_buf_t *words)
{
    struct bench *bench = stream->data;

    (void)words;
    if (n < 0) {
        uv_close((uv_handle_t *)stream, free_handle);
    } else {
        bench->n_heard += (size_t)n;
    }
}

static void on_call(uv_stream_t *door, int status)
{
    uv_tcp_t *caller = memory_new(1, sizeof(*caller));

    assert_int_equal(status, 0);
    uv_tcp_init(door->loop, caller);
    caller->data = door->data;
    assert_int_equal(uv_accept(door, (uv_stream_t *)caller), 0);
    uv_read_start((uv_stream_t *)caller, give_room, on_words);
}

static void open_door(struct bench *bench)
{
    const char *host = bench->fabric->ops->controller_address(bench->fabric);
    struct sockaddr_in address;
    int size = sizeof(address);

    uv_tcp_init(&bench->loop, &bench->door);
    bench->door.data = bench;
    assert_int_equal(uv_ip4_addr(host, 0, &address), 0);
    assert_int_equal(uv_tcp_bind(&bench->door, (const struct sockaddr *)&address, 0), 0);
    assert_int_equal(uv_listen((uv_stream_t *)&bench->door, 8, on_call), 0);
    uv_tcp_getsockname(&bench->door, (struct sockaddr *)&address, &size);
    snprintf(bench->controller, sizeof(bench->controller), "%s:%u", host,
             ntohs(address.sin_port));
}

struct bench *bench_begin(const char *kind)
{
    struct bench *bench = memory_new(1, sizeof(*bench));

    bench->kind = kind;
    assert_int_equal(uv_loop_init(&bench->loop), 0);
    return bench;
}

void bench_open_on(struct bench *bench, const struct fabric_config *config)
{
    struct fabric_config ours = *config;
    struct error err;

    ours.loop = &bench->loop;
    ours.stage_program = "/proc/self/exe";
    ours.events = (struct fabric_events){on_gone, bench, on_noted, on_device};
    if (fabric_open(bench->kind, &ours, &bench->fabric, &err) < 0) {
        fail_msg("%s", err.text);
    }
    open_door(bench);
}

struct bench *bench_open(const char *kind, bool emulated)
{
    cleanup(testbed_destroyp) struct testbed *testbed = NULL;
    const struct testbed_device each = {
        .cores = 0.25, .memory = 64 << 20, .link_rate = 12.5e6, .latency_ms = 0};
    bool has_own = strcmp(kind, "kubernetes") == 0;
    struct bench *bench = bench_begin(kind);
    struct error err;

    bench->emulated = emulated;
    assert_int_equal(testbed_equal(BENCH_DEVICES, &each, &testbed, &err), 0);
    testbed->plain = !emulated;
    testbed_give(testbed, 0, "camera");
    const struct fabric_config config = {.testbed = has_own ? NULL : testbed,
                                         .application = "bench",
                                         .space = has_own ? bench_space : NULL};
    bench_open_on(bench, &config);
    const char *note = bench->fabric->ops->note(bench->fabric);
    if (emulated && note != NULL && strncmp(note, SITE_LEFT, strlen(SITE_LEFT)) != 0) {
        fail_msg("%s", note);
    }
    return bench;
}

void bench_make_images(void)
{
    const char *fixtures = getenv("BRUME_TEST_FIXTURES"); /* NOLINT(concurrency-mt-unsafe) */
    cleanup(docker_engine_finish) struct docker_engine engine = {0};
    cleanup(memory_free) char *command =
        memory_format("%s/stage-image /proc/%d/exe", fixtures, (int)getpid());
    cleanup(memory_free) char *tar = malloc(IMAGE_MOST);
    struct error err;

    assert_non_null(fixtures);
    assert_non_null(tar);
    FILE *out = popen(command, "re"); /* NOLINT(cert-env33-c): the test's own */
    assert_non_null(out);
    size_t size = fread(tar, 1, IMAGE_MOST, out);
    assert_int_equal(pclose(out), 0);
    setenv("BRUME_IMAGES", BENCH_IMAGES, 1); /* NOLINT(concurrency-mt-unsafe) */
    assert_int_equal(docker_engine_find(&engine, &err), 0);
    assert_int_equal(docker_engine_greet(&engine, &err), 0);
    for (size_t i = 0; i < 2; i++) {
        const char *name = i == 0 ? "base" : "all";
        cleanup(memory_free) char *path = memory_format(
            "/images/create?fromSrc=-&repo=" BENCH_IMAGES "-%s&tag=%s", name, BRUME_VERSION);
        const struct http_request request = {.method = "POST",
                                             .path = path,
                                             .type = "application/x-tar",
                                             .body = tar,
                                             .size = size};
        if (http_ask_now(&engine.place, &request, NULL, &err) < 0) {
            fail_msg("%s", err.text);
        }
    }
}

static void close_all(uv_handle_t *handle, void *owner)
{
    const struct bench *bench = owner;

    if (!uv_is_closing(handle)) {
        uv_close(handle, handle == (const uv_handle_t *)&bench->door ? NULL : free_handle);
    }
}

void bench_close(struct bench *bench)
{
    fabric_closep(&bench->fabric);
    uv_run(&bench->loop, UV_RUN_NOWAIT);
    uv_walk(&bench->loop, close_all, bench);
    uv_run(&bench->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&bench->loop), 0);
    free(bench);
}

int bench_start(struct bench *bench, const char *stage, const char *device, const char *token)
{
    const struct fabric_start what = {.stage = stage,
                                      .device = bench_device(bench, device),
                                      .life = bench->life,
                                      .cores = bench->cores,
                                      .controller = bench->controller,
                                      .credentials = token,
                                      .image = bench->image,
                                      .n_mounts = bench->n_mounts,
                                      .mounts = bench->mounts,
                                      .memory = bench->memory};
    struct error err;

    int r = bench->fabric->ops->start(bench->fabric, &what, on_done, bench, &err);
    if (r < 0) {
        snprintf(bench->trouble, sizeof(bench->trouble), "%s", err.text);
    }
    return r;
}

void bench_stop(struct bench *bench, const char *stage)
{
    struct error err;

    assert_int_equal(bench->fabric->ops->stop(bench->fabric, stage, on_done, bench, &err), 0);
}

void bench_abandon(struct bench *bench, const char *stage)
{
    struct error err;

    assert_int_equal(fabric_abandon(bench->fabric, stage, on_done, bench, &err), 0);
}

void bench_list(struct bench *bench)
{
    struct error err;

    bench->n_seen = 0;
    assert_int_equal(bench->fabric->ops->list(bench->fabric, on_seen, bench, &err), 0);
}

void bench_until(struct bench *bench, const unsigned *counter, unsigned value)
{
    while (*counter != value) {
        uv_run(&bench->loop, UV_RUN_ONCE);
    }
}

void bench_until_heard(struct bench *bench, const char *text)
{
    while (strstr(bench->heard, text) == NULL) {
        uv_run(&bench->loop, UV_RUN_ONCE);
    }
}

static int call(const char *controller, const char *words)
{
    struct sockaddr_in address;
    char host[64];

    snprintf(host, sizeof(host), "%s", controller);
    char *colon = strchr(host, ':');
    if (colon == NULL) {
        return -1;
    }
    *colon = '\0';
    if (uv_ip4_addr(host, (int)strtol(colon + 1, NULL, 10), &address) != 0) {
        return -1;
    }
    int line = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(line, (const struct sockaddr *)&address, sizeof(address)) < 0) {
        return -1;
    }
    return write(line, words, strlen(words)) < 0 ? -1 : 0;
}

static void eat(void)
{
    for (;;) {
        volatile char *more = malloc(1 << 20);
        for (size_t i = 0; more != NULL && i < 1 << 20; i += 512) {
            more[i] = 1;
        }
    }
}

/* From the file that is named, or from standard input. */
static bool read_token(const char *path, char *token, size_t size)
{
    FILE *file = path != NULL ? fopen(path, "re") : stdin;
    bool read = file != NULL && fgets(token, (int)size, file) != NULL;

    token[strcspn(token, "\n")] = '\0';
    return read;
}

int bench_stage(int argc, char **argv)
{
    const char *name = NULL, *controller = NULL, *credentials = NULL;
    char token[64] = "";
    char words[160];

    if (argc == 2 && strcmp(argv[1], "--idle") == 0) {
        pause();
        return 0;
    }
    for (int i = 1; i + 1 < argc; i += 2) {
        name = strcmp(argv[i], "--name") == 0 ? argv[i + 1] : name;
        controller = strcmp(argv[i], "--controller") == 0 ? argv[i + 1] : controller;
        credentials = strcmp(argv[i], "--credentials") == 0 ? argv[i + 1] : credentials;
    }
    if (name == NULL || controller == NULL || !read_token(credentials, token, sizeof(token))) {
        return 71;
    }
    if (strcmp(token, "fail") == 0) {
        return 70;
    }
    if (strcmp(token, "eat") == 0) {
        eat();
    }
    while (strcmp(token, "burn") == 0 && clock_process_ns() < 200000000) {
    }
    snprintf(words, sizeof(words), "[%s %s]", name, token);
    if (call(controller, words) < 0) {
        return 72;
    }
    if (strcmp(token, "crash") == 0) {
        __builtin_trap();
    }
    for (;;) {
        pause();
    }
}
