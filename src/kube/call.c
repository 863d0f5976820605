#include "kube/call.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "http/http.h"
#include "kube/config.h"

const char *kube_call_type(const struct kube_call *call)
{
    if (call->type != NULL || call->body == NULL) {
        return call->type;
    }
    return call->method != NULL && strcmp(call->method, "PATCH") == 0
               ? "application/merge-patch+json"
               : "application/json";
}

void kube_call_failed(const struct http_answer *answer, const struct error *err,
                      struct pace_failure *failure)
{
    failure->status = answer->status;
    failure->reached = answer->reached;
    failure->retry_ms = answer->retry_ms;
    failure->hopeless = err->code == -EPROTO || err->code == -EMSGSIZE;
}

double kube_dice(void)
{
    uint32_t dice = 0;

    if (getrandom(&dice, sizeof(dice), GRND_NONBLOCK) != sizeof(dice)) {
        return 0.5;
    }
    return dice / 4294967296.0;
}

/* Untouched but for `ret_json` when it failed. */
static int try_now(struct kube_config *config, struct http_request *request,
                   struct pace_failure *failure, json_t **ret_json, struct error *err)
{
    const struct http_place *place = NULL;
    struct http_answer answer = {0};

    int r = kube_config_place(config, &place, err);
    if (r < 0) {
        failure->hopeless = true;
        return r;
    }
    r = http_ask_answer(place, request, &answer, err);
    if (r < 0) {
        kube_call_failed(&answer, err, failure);
    } else {
        *ret_json = json_loadb(answer.body, answer.size, JSON_ALLOW_NUL, NULL);
    }
    if (answer.body != NULL) {
        explicit_bzero((char *)answer.body, answer.size);
    }
    free((char *)answer.body);
    return r;
}

static int ask_until(struct kube_config *config, const struct kube_call *call,
                     struct http_request *request, json_t **ret_json, struct error *err)
{
    uint64_t end = clock_ms() + (call->timeout_ms > 0 ? call->timeout_ms : HTTP_TIMEOUT_MS);
    bool renewed = false;

    for (unsigned n_tries = 1;; n_tries++) {
        struct pace_failure failure = {
            .method = request->method, .n_tries = n_tries, .renewed = renewed};
        uint64_t now = clock_ms(), wait = 0;
        request->timeout_ms = end > now ? end - now : 1;
        int r = try_now(config, request, &failure, ret_json, err);
        if (r == 0) {
            return 0;
        }
        enum pace_verdict verdict = pace_judge(&failure, kube_dice(), &wait);
        if (verdict == PACE_RENEW) {
            kube_config_stale(config);
            renewed = true;
        } else if (verdict == PACE_GIVE_UP || call->once || clock_ms() + wait >= end) {
            return r;
        }
        poll(NULL, 0, (int)wait);
    }
}

int kube_ask_now(struct kube_config *config, const struct kube_call *call, json_t **ret_answer,
                 struct error *err)
{
    cleanup(memory_wipe) char *body =
        call->body != NULL ? json_dumps(call->body, JSON_COMPACT) : NULL;
    struct http_request request = {
        .method = call->method != NULL ? call->method : "GET",
        .path = call->path,
        .type = kube_call_type(call),
        .body = body,
        .size = body != NULL ? strlen(body) : 0,
        .most = KUBE_ANSWER_MOST,
    };
    json_t *json = NULL;

    int r = ask_until(config, call, &request, &json, err);
    if (r == 0 && json == NULL && ret_answer != NULL) {
        return error_set(err, -EPROTO, "the API server did not answer in JSON");
    }
    if (r == 0 && ret_answer != NULL) {
        *ret_answer = json;
    } else {
        json_decref(json);
    }
    return r;
}
