/* What engines share: the check of what they are given. Plug-ins link it as well. */
#ifndef ENGINE_PORTS_H
#define ENGINE_PORTS_H

#include "engine/engine.h"

/* Each input has the type and shape of its port; an open dimension takes any size but 0. */
int engine_check_inputs(const struct engine_port *ports, size_t n, struct tensor *const *inputs,
                        struct error *err);

/* Gives up the first `n` of `tensors`. */
void engine_drop(struct tensor **tensors, size_t n);

/* What an engine says, on one line: runs of white space become one space. */
void engine_one_line(char *text);

#endif
