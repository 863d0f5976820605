/* How the controller talks to the command that started it: JSON, a line each. The request comes
 * first on standard input, then `{"type": "drain"}` or `{"type": "abort"}`; the end of the
 * input means that the command is gone, and is an abort. Answers go to standard output:
 *
 *   note      {"text"}                                    something the user should know
 *   warning   {"text"}                                    frames were refused, and why
 *   measuring {"done", "total", "what"}
 *   plan      {"plan": {…}, "explanation": "…"}
 *   progress  {"seconds", "delivered", "rate", "stages": […], "devices": […]}
 *   say       {"line"}                                    an operator's own word
 *   failure   {"what"}
 *   report    {"report": {…}}                             the end of a run
 *   error     {"text", "code"}                            the last word, even after a report;
 *                                                         code as in sysexits
 */
#ifndef CONTROLLER_FRONT_H
#define CONTROLLER_FRONT_H

#include <uv.h>

#include "base/json.h"

struct front;

struct front_events {
    /* A line of input; NULL: its end, or a line that is not JSON. */
    void (*asked)(void *owner, const json_t *message);
};

struct front *front_create(uv_loop_t *loop, const struct front_events *events, void *owner);
/* Takes `message`. */
void front_say(struct front *front, json_t *message);
void front_close(struct front *front); /* accepts NULL */

#endif
