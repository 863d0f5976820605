#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "cli/objects_refusal.h"
#include "cli/objects_state.h"
#include "http/http.h"
#include "kube/config.h"

static void answered(void *owner, const struct kube_answer *answer, const struct error *err)
{
    struct objects_answer *kept = owner;

    kept->over = true;
    kept->status = answer->status;
    kept->json = json_incref((json_t *)(uintptr_t)answer->json);
    kept->text = memory_text(answer->text);
    if (err != NULL) {
        kept->err = *err;
    }
}

static void ask(struct objects *objects, const struct kube_call *call,
                struct objects_answer *ret_answer)
{
    *ret_answer = (struct objects_answer){0};
    kube_ask(objects->api, call, answered, ret_answer);
    while (!ret_answer->over) {
        uv_run(&objects->loop, UV_RUN_ONCE);
    }
}

int objects_ask(struct objects *objects, const struct kube_call *call,
                struct objects_answer *ret_answer)
{
    struct kube_call first = *call;

    first.once = !objects->reached;
    ask(objects, &first, ret_answer);
    objects->reached = objects->reached || ret_answer->status > 0;
    if (first.once && ret_answer->err.code == -EAGAIN) {
        objects_answer_finish(ret_answer);
        ask(objects, call, ret_answer);
    }
    return ret_answer->err.code;
}

int objects_get(struct objects *objects, const char *path, struct objects_answer *ret_answer)
{
    const struct kube_call call = {.path = path};

    return objects_ask(objects, &call, ret_answer);
}

void objects_answer_finish(struct objects_answer *answer)
{
    json_decref(answer->json);
    free(answer->text);
    *answer = (struct objects_answer){0};
}

int objects_fail(const struct objects *objects, const struct objects_answer *answer,
                 const char *name, const char *file)
{
    const struct http_place *place = NULL;
    struct error other;
    bool known = kube_config_place(kube_api_config(objects->api), &place, &other) == 0;
    const struct objects_refusal refusal = {.status = answer->status,
                                            .json = answer->json,
                                            .err = &answer->err,
                                            .space = objects->space,
                                            .name = name,
                                            .file = file,
                                            .server = known ? place->url : NULL};
    int code = 0;
    cleanup(memory_free) char *sentence = objects_refusal_explain(&refusal, &code);

    fprintf(stderr, "brume: %s\n", sentence);
    return code;
}
