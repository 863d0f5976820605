/* Starts a private controller and talks to it over its standard input and output: the request,
 * then its answers as they come (controller/front.h lists them). Ctrl-C drains, a second one
 * aborts; so does being told to end, or a terminal that hangs up. Whatever way this program
 * ends, the controller notices and leaves nothing behind. */
#ifndef CLI_CLIENT_H
#define CLI_CLIENT_H

#include "base/json.h"

struct error;

/* Called for every answer. */
typedef void (*client_answer_fn)(void *owner, const char *type, const json_t *answer);

/* Runs until the controller ends; takes `request`. Returns its exit code, having printed what
 * it says is wrong. What was aborted by a signal ends this program by that signal, so that a
 * shell script stops, too. */
int client_run(json_t *request, client_answer_fn answer, void *owner);

#endif
