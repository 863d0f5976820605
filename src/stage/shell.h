/* A stage's shell: it joins the core (core.h) to the world. Events reach the core from the data
 * links (peers.h), the operators (runner.h) and the clock; its effects go back to them.
 *
 * Life: dial the controller, say hello; it answers with the deployment; open the operators;
 * say `ready` with the address of the data links; learn the peers' addresses; run; report twice
 * a second; `finished` when every frame is done; `stop` ends the process. What the two say to
 * each other is listed in docs/protocol.md. If the controller goes away the streams go on, and
 * the stage dials until it is back.
 */
#ifndef STAGE_SHELL_H
#define STAGE_SHELL_H

#include <uv.h>

struct error;
struct shell;
struct tls_context;

struct shell_options {
    const char *name;       /* of the stage */
    const char *controller; /* its address */
    const char *token;
    struct tls_context *tls; /* NULL: links are not encrypted */
    const char *files;       /* below it files are fetched; NULL: all are there */
};

int shell_create(uv_loop_t *loop, const struct shell_options *options, struct shell **ret_shell,
                 struct error *err);
/* Ends everything; the loop runs out when operators that still work are through. */
void shell_stop(struct shell *shell);
/* After the loop has run out. Returns the exit code: 0, or that of what went wrong. */
int shell_destroy(struct shell *shell);

#endif
