/* What `run`, `plan` and `profile` share: the application, and the options that say on which
 * devices and what of the plan is pinned. They become the request to the controller. */
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

#endif
