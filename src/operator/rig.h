/* For tests: operators by name, and frames to feed them with. Whatever goes wrong fails the
 * test with the operator's own sentence. */
#ifndef OPERATOR_RIG_H
#define OPERATOR_RIG_H

#include "base/error.h"
#include "base/test.h"
#include "operator/call.h"

/* RIG_OPEN("letterbox", "size", "20x20"): an operator, then names and values of parameters. */
#define RIG_OPEN(...) rig_open((const char *const[]){__VA_ARGS__, NULL})
struct operator_instance *rig_open(const char *const *words);

/* The same with a folder of its own. */
#define RIG_OPEN_IN(folder, ...) rig_open_in(folder, (const char *const[]){__VA_ARGS__, NULL})
struct operator_instance *rig_open_in(const char *folder, const char *const *words);

/* The same, and expects the error; its sentence goes to `ret_err`. */
#define RIG_REFUSE(ret_err, ...) rig_refuse((const char *const[]){__VA_ARGS__, NULL}, ret_err)
void rig_refuse(const char *const *words, struct error *ret_err);

/* Asks for the output shapes of port 0; the error's code, or 0. */
#define RIG_INFER(inputs, ret_output, ret_err, ...) \
    rig_infer((const char *const[]){__VA_ARGS__, NULL}, inputs, ret_output, ret_err)
int rig_infer(const char *const *words, const struct operator_shapes *inputs,
              struct operator_shapes *ret_output, struct error *ret_err);

/* Processes a frame, however often an operator with inputs asks for it again, and returns that
 * of output port 0, to be unref'ed; NULL from a sink. */
struct frame *rig_process(struct operator_instance *instance, uint64_t sequence,
                          struct frame *const *inputs);
/* The same for one input, which it takes. */
struct frame *rig_pass(struct operator_instance *instance, struct frame *input);
/* Processes a frame and returns what that gave: an error's code, OPERATOR_END, … */
int rig_try(struct operator_instance *instance, uint64_t sequence, struct frame *const *inputs,
            struct error *ret_err);
/* Asks a source for a frame until there is one; waits as it asks for. */
struct frame *rig_await(struct operator_instance *instance, uint64_t sequence);
/* Asks a source for a frame, which it does not have, until it says something with `text` in it.
 */
void rig_await_said(struct operator_instance *instance, uint64_t sequence, const char *text);
/* Processes a frame, or tries to, and returns what was said, malloc'ed; NULL: nothing. */
char *rig_hear(struct operator_instance *instance, uint64_t sequence,
               struct frame *const *inputs);

struct frame *rig_frame(uint64_t sequence, unsigned n_tensors, struct tensor *const *tensors);
struct tensor *rig_tensor(enum tensor_type type, uint32_t rank, const uint32_t *dims,
                          const void *data); /* data NULL: zeros */
struct frame *rig_bytes(const void *bytes, size_t size);
struct frame *rig_file(const char *path);
/* Pixels are (x * 3, y * 5, x + y), modulo 256. */
struct frame *rig_picture(uint32_t width, uint32_t height);
struct frame *rig_boxes(uint32_t n, const float (*rows)[6], const char *labels);
/* READINGS; a row per line of `names`, "type<tab>device\n". */
struct frame *rig_readings(uint32_t n, const double (*rows)[2], const char *names);
/* The same from text: "10 3.5 CO gate; 11 4 CO" is time, value, type and perhaps device. */
struct frame *rig_readings_of(uint64_t sequence, const char *text);
/* A frame of readings as such text, malloc'ed, numbers as %.17g; "" for an empty one. */
char *rig_readings_text(const struct frame *frame);
/* Passes readings as text through and returns what comes out of `port`, malloc'ed. */
char *rig_flow(struct operator_instance *instance, unsigned port, uint64_t sequence,
               const char *text);
/* Kills the operator and gives its memory to a new one, which must remember the same bytes. */
void rig_revive(struct operator_instance **instance, const char *const *words);

/* A folder of its own, in $TMPDIR or /tmp; removed with what is in it by rig_remove(). */
char *rig_folder(void);
void rig_remove(char *folder);

/* $BRUME_MODELS/NAME when there is such a file, malloc'ed; else says so and skips the test. */
char *rig_model(const char *name);

#endif
