/* How a session talks to who asked for it. Of a command that started the controller: JSON, a
 * line each. The request comes first on standard input, then `{"type": "drain"}` or `{"type":
 * "abort"}`; the end of the input means that the command is gone, and is an abort. Answers go
 * to standard output; of a session that a server holds, to the server:
 *
 *   note      {"text"}             something the user should know
 *   warning   {"text"}             frames were refused, and why
 *   measuring {"done", "total", "what"}
 *   plan      {"plan": {…}, "explanation": "…"}
 *   stages    {"stages": […], "ready": N}  what is to run where; again with each that is ready
 *   running   {}                   every stage is ready
 *   progress  {"seconds", "delivered", "rate", "latency_ms", "stages": […], "ready",
 *              "devices": […]}
 *   say       {"line"}             an operator's own word
 *   log       {"line"}             of a stage; it is on standard error, too
 *   failure   {"what"}
 *   updated   {}                   an update has proved itself
 *   undone    {"text"}             it has not, and why
 *   report    {"report": {…}}      the end of a run
 *   error     {"text", "code"}     the last word, even after a report; code as in sysexits
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

/* Who hears what a session in a server says. */
struct front_listener {
    void (*said)(void *owner, const json_t *message);
    void (*closed)(void *owner); /* nothing more will be said; the session must live on until
                                    the loop has turned */
    void *owner;
};

/* Copies `listener`. */
struct front *front_create_for(const struct front_listener *listener);
/* Takes `message`. */
void front_say(struct front *front, json_t *message);
void front_close(struct front *front); /* accepts NULL */

#endif
