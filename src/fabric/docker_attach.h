/* Hands one text to a container's standard input, through a connection to the engine that stops
 * being HTTP (`attach`, hijacked).
 *
 * Happy path: docker_attach_open; `opened` comes when the engine has attached us; then the
 * container is started, and docker_attach_send gives the text and closes its input.
 * Failure modes: `failed`, once, before `opened`: the engine refuses or does not answer.
 */
#ifndef FABRIC_DOCKER_ATTACH_H
#define FABRIC_DOCKER_ATTACH_H

struct docker_attach;
struct docker_engine;
struct error;
struct uv_loop_s;

struct docker_attach_events {
    void (*opened)(void *owner);
    void (*failed)(void *owner, const struct error *err);
};

struct docker_attach *docker_attach_open(struct uv_loop_s *loop,
                                         const struct docker_engine *engine, const char *id,
                                         const struct docker_attach_events *events,
                                         void *owner);

/* Sends a line, the end of the input behind it, and goes: the object is not ours any more. */
void docker_attach_send(struct docker_attach *attach, const char *line);

/* Goes without a word; accepts NULL. */
void docker_attach_close(struct docker_attach *attach);

#endif
