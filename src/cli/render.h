/* Shows what the controller answers: progress on a terminal (silent in a pipe), the plan and
 * the final report as tables, or one JSON object. */
#ifndef CLI_RENDER_H
#define CLI_RENDER_H

#include <stdbool.h>

#include "base/json.h"

struct render {
    bool json;     /* one JSON object on standard output, nothing else */
    bool explain;  /* the whole explanation of the plan, not only the plan */
    bool plan;     /* the plan is what was asked for */
    bool terminal; /* standard error is one: progress may be shown */
    /* private */
    bool line; /* a progress line stands on the terminal */
    double seconds;
    json_t *devices; /* of the last progress */
};

/* A client_answer_fn; `owner` is a struct render. */
void render_answer(void *owner, const char *type, const json_t *answer);

#endif
