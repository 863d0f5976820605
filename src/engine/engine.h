/* An engine runs a neural network, or a segment of one, held in memory.
 *
 * Engines are plug-ins: `engine-NAME.so` in the folders of BRUME_PLUGINS or beside the program,
 * loaded when first asked for, so that a device carries only the libraries it uses. `fake` is
 * built in: it runs a few arithmetic "layers" and serves the tests. All pass
 * engine_conformance.
 */
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tensor/tensor.h"

struct error;

/* A weight left outside the model's bytes (ONNX external data), handed over by reference. */
struct engine_weight {
    const char *name;
    struct tensor_shape shape;
    const void *data; /* lives as long as the session */
};

/* A whole model or a segment, as bytes in the engine's own file format. Borrowed: bytes and
 * weights must live until session_close(). */
struct engine_model {
    const void *bytes;
    size_t size;
    size_t n_weights;
    const struct engine_weight *weights;
};

struct engine_options {
    unsigned threads; /* 0: one */
    bool exact;       /* same bits for every cut; else as fast as the engine can */
    bool infer_only;  /* optimise nothing: the session is only asked for its ports; those that
                         brume's tensors cannot hold have no type (0) */
};

struct engine_port {
    const char *name;          /* lives as long as the session */
    struct tensor_shape shape; /* a dimension that the file leaves open is 0 */
};

struct engine_session;

struct engine {
    uint32_t abi;       /* ENGINE_ABI */
    const char *name;   /* "onnxruntime", "tflite", "fake" */
    const char *suffix; /* of the files it runs: ".onnx", ".tflite" */
    const char *(*version)(void);
    int (*open)(const struct engine_model *model, const struct engine_options *options,
                struct engine_session **ret_session, struct error *err);
    size_t (*inputs)(const struct engine_session *session,
                     const struct engine_port **ret_ports);
    size_t (*outputs)(const struct engine_session *session,
                      const struct engine_port **ret_ports);
    /* Inputs in the order of inputs(), borrowed, of exactly the shapes asked for; new outputs,
     * one reference each, in the order of outputs(). One call at a time per session. */
    int (*run)(struct engine_session *session, struct tensor *const *inputs,
               struct tensor **ret_outputs, struct error *err);
    void (*close)(struct engine_session *session); /* accepts NULL */
};

#define ENGINE_ABI 1
extern const struct engine engine_exported; /* what a plug-in exports */

/* Finds an engine by name or by the suffix of a model file; loads its plug-in once. -ENOPKG
 * with a sentence that says what to install when there is none. */
int engine_find(const char *name_or_suffix, const struct engine **ret_engine,
                struct error *err);

#endif
