/* Runs operators: the stage's side of the SDK (include/brume/operator.h holds the other side).
 *
 * An instance is one operator with its parameters and state. The life of a call: the stage
 * hands over one frame per input port; a frame that is empty makes all outputs empty without
 * asking the operator; otherwise process() runs, on whatever thread the stage likes, one at a
 * time; what it put on its output ports becomes one frame per port, with the sequence number of
 * the call, the earliest capture time of its inputs, and the first input's view unless it set
 * another.
 */
#ifndef OPERATOR_CALL_H
#define OPERATOR_CALL_H

#include <brume/operator.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "tensor/frame.h"

struct error;
struct operator_instance;

enum {
    OPERATOR_PORTS_MAX = 16, /* on either side of an operator */
    OPERATOR_END = BRUME_END,
    OPERATOR_LATER = BRUME_LATER,
};

struct operator_param {
    const char *name, *value;
};

/* What an operator's save() wrote. */
struct operator_saved {
    size_t size;
    char *data; /* malloc'ed */
};

/* An operator as the manifest or the plan names it. */
struct operator_setup {
    const struct brume_operator *type;
    const char *name; /* for messages, and brume_name() */
    size_t n_params;
    const struct operator_param *params; /* what is left out has the table's fallback; keys that
                                            the table does not have come from the planner */
    const char *folder;                  /* of its own, or NULL */
    bool rehearsal;                      /* it runs only to be measured */
};

/* What flows through a port, as far as known: n is 0 when nothing is; so are dimensions. */
struct operator_shapes {
    unsigned n;
    struct tensor_shape shapes[FRAME_TENSORS_MAX];
};

/* What a call gave. Zero it before; operator_result_finish() frees what is in it. */
struct operator_result {
    unsigned n_outputs; /* output ports; 0 after OPERATOR_END and OPERATOR_LATER */
    struct frame *outputs[OPERATOR_PORTS_MAX];
    uint64_t wait_ms;    /* after OPERATOR_LATER; */
    int wait_for;        /* or until this descriptor can be read; -1: none */
    uint64_t cpu_ns;     /* of the calling thread */
    uint64_t n_left_out; /* messages, rows or readings that could not be used */
    size_t n_said;
    char **said; /* lines for the terminal of whoever runs the application */
};

unsigned operator_n_inputs(const struct brume_operator *type);
unsigned operator_n_outputs(const struct brume_operator *type);

/* Checks the parameters against the type's table and opens the operator. The type must live as
 * long as the instance; the rest of `setup` is copied. */
int operator_open(const struct operator_setup *setup, struct operator_instance **ret_instance,
                  struct error *err);
void operator_close(struct operator_instance *instance); /* accepts NULL */
void operator_closep(struct operator_instance **instance);

/* Processes one frame. `inputs` has one frame per input port, borrowed, NULL for one that was
 * left out; a source has none.
 * 0; OPERATOR_END from a source; OPERATOR_LATER: to be called again with the same; or a
 * negative error with a sentence: then the frame is lost to this operator and the outputs are
 * empty frames, to be sent on. */
int operator_process(struct operator_instance *instance, uint64_t sequence,
                     struct frame *const *inputs, struct operator_result *ret_result,
                     struct error *err);
/* Tells a source that all below this number is done; counts from the next process() on. */
void operator_set_done(struct operator_instance *instance, uint64_t done);
void operator_result_finish(struct operator_result *result);

/* What a stateful operator remembers, and back; between calls of operator_process(). One that
 * has no save() has nothing to remember. */
int operator_save(struct operator_instance *instance, struct operator_saved *ret_saved,
                  struct error *err);
int operator_restore(struct operator_instance *instance, const void *data, size_t size,
                     struct error *err);

/* Asks what the outputs will look like: `inputs` has an entry per input port, `ret_outputs`
 * gets one per output port. An error means that this operator cannot work on such inputs.
 * Nothing is opened. */
int operator_infer(const struct operator_setup *setup, const struct operator_shapes *inputs,
                   struct operator_shapes *ret_outputs, struct error *err);

#endif
