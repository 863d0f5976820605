/* The options that `run`, `plan` and `profile` share: which application on which devices, and
 * what of the plan is pinned. They become the request to the controller. */
#ifndef CLI_REQUEST_H
#define CLI_REQUEST_H

#include <argp.h>
#include <stdbool.h>

#include "base/json.h"

struct request_options {
    json_t *request; /* grows while options are parsed */
    bool json;       /* --json: machine-readable output alone */
};

/* A child parser: its input is a struct request_options. */
extern const struct argp request_argp;

/* Checks what was given; argp_error() and exit on what does not go together. */
void request_finish(struct request_options *input, struct argp_state *state);

#endif
