#include "controller/web.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "controller/metrics.h"
#include "controller/serving.h"
#include "net/address.h"

#define PLAIN "text/plain; charset=utf-8"

enum { PATIENCE_S = 5 };

struct web {
    struct serving *serving;
    struct web_setup setup;
    char *metrics; /* as they were told last, or NULL */
    uint64_t metrics_ms;
    char address[ADDRESS_TEXT_MAX];
};

static struct serving_answer answer_health(struct web *web)
{
    (void)web;
    return (struct serving_answer){SERVING_OK, PLAIN, memory_text("ok\n")};
}

static struct serving_answer answer_ready(struct web *web)
{
    const char *why = web->setup.unready(web->setup.owner);

    return why == NULL ? answer_health(web)
                       : (struct serving_answer){SERVING_UNAVAILABLE, PLAIN,
                                                 memory_format("%s\n", why)};
}

/* However many ask: that much is not counted again at once. */
static struct serving_answer answer_metrics(struct web *web)
{
    uint64_t now = clock_ms();

    if (web->metrics == NULL || now - web->metrics_ms >= WEB_FRESH_MS) {
        free(web->metrics);
        web->metrics = web->setup.metrics(web->setup.owner);
        web->metrics_ms = now;
    }
    return (struct serving_answer){SERVING_OK, METRICS_TYPE, memory_text(web->metrics)};
}

static const struct {
    const char *path;
    struct serving_answer (*answer)(struct web *web);
} routes[] = {
    {"/healthz", answer_health}, {"/readyz", answer_ready}, {"/metrics", answer_metrics}};

static void asked(void *owner, const struct serving_question *question,
                  struct serving_answer *ret_answer)
{
    if (strcmp(question->method, "GET") != 0 && strcmp(question->method, "HEAD") != 0) {
        *ret_answer = (struct serving_answer){SERVING_METHOD, PLAIN,
                                              memory_text("there is nothing but GET\n")};
        return;
    }
    for (size_t i = 0; i < sizeof(routes) / sizeof(*routes); i++) {
        if (strcmp(question->path, routes[i].path) == 0) {
            *ret_answer = routes[i].answer(owner);
            return;
        }
    }
    *ret_answer = (struct serving_answer){
        SERVING_NOT_FOUND, PLAIN, memory_text("there are /healthz, /readyz and /metrics\n")};
}

static int listen_on(const char *text, int *ret_socket, struct error *err)
{
    struct sockaddr_storage address;
    int yes = 1, r = address_parse(text, &address, err);

    if (r < 0) {
        return error_wrap(err, "--http");
    }
    cleanup(file_closep) int door =
        socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    socklen_t size = address.ss_family == AF_INET6 ? sizeof(struct sockaddr_in6)
                                                   : sizeof(struct sockaddr_in);
    setsockopt(door, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    if (bind(door, (const struct sockaddr *)&address, size) < 0 ||
        listen(door, SERVING_CONNECTIONS_MAX) < 0) {
        return error_set(err, -errno, "--http %s: cannot listen there: %s", text,
                         strerrordesc_np(errno));
    }
    *ret_socket = fcntl(door, F_DUPFD_CLOEXEC, 0); /* the one here is closed */
    return *ret_socket < 0
               ? error_set(err, -errno, "--http %s: %s", text, strerrordesc_np(errno))
               : 0;
}

static void note_address(struct web *web, int door)
{
    struct sockaddr_storage address = {0};
    socklen_t size = sizeof(address);

    getsockname(door, (struct sockaddr *)&address, &size);
    address_format((const struct sockaddr *)&address, web->address, sizeof(web->address));
}

int web_open(const struct web_setup *setup, struct web **ret_web, struct error *err)
{
    int door = -1, r = listen_on(setup->address, &door, err);

    if (r < 0) {
        return r;
    }
    struct web *web = memory_new(1, sizeof(*web));
    web->setup = *setup;
    note_address(web, door);
    const struct serving_setup serving = {.loop = setup->loop,
                                          .socket = door,
                                          .patience_s = PATIENCE_S,
                                          .from_one = WEB_CONNECTIONS_MAX,
                                          .ask = asked,
                                          .owner = web};
    web->serving = serving_open(&serving);
    *ret_web = web;
    return 0;
}

const char *web_address(const struct web *web)
{
    return web->address;
}

void web_close(struct web *web)
{
    if (web != NULL) {
        serving_close(web->serving);
        free(web->metrics);
        free(web);
    }
}
