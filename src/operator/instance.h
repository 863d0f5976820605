/* What is inside a call: shared by call.c, which runs it, and sdk.c, which the operator sees.
 */
#ifndef OPERATOR_INSTANCE_H
#define OPERATOR_INSTANCE_H

#include <stdbool.h>

#include "base/error.h"
#include "operator/call.h"

enum {
    INSTANCE_LINES_MAX = 256, /* said for one frame */
    INSTANCE_LINE_MAX = 4096,
};

/* The operator's face of a port. */
struct instance_port {
    unsigned n;
    struct brume_tensor faces[FRAME_TENSORS_MAX];
    struct tensor *tensors[FRAME_TENSORS_MAX]; /* owned; NULL in infer() */
    struct brume_view view;
};

struct brume_call {
    const struct brume_operator *type;
    char *name;
    size_t n_params;
    struct operator_param *params; /* owned texts */
    unsigned n_inputs, n_outputs;
    struct instance_port *inputs, *outputs;
    bool inferring; /* outputs are shapes only */
    bool rehearsal;
    uint64_t sequence, captured_ns;
    char *origin; /* of the frame; NULL: not known */
    uint64_t wait_ms;
    int wait_for; /* a descriptor; -1: none */
    uint64_t done;
    char *folder;                /* or NULL */
    struct operator_saved saved; /* what save() writes or restore() reads */
    uint64_t n_left_out;
    size_t n_said;
    char **said;
    struct error failure; /* of brume_fail(); code 0: none */
};

/* Copies the parameters and checks them against the table; finish accepts a zeroed call. */
int instance_init(struct brume_call *call, const struct operator_setup *setup,
                  struct error *err);
void instance_finish(struct brume_call *call);

/* What brume_output_adopt() is for operators in the program: takes a reference. There is room.
 */
void instance_output(struct brume_call *call, unsigned port, struct tensor *tensor);

#endif
