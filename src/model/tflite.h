/* Between the files that read, judge and write TensorFlow Lite models. */
#ifndef MODEL_TFLITE_H
#define MODEL_TFLITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;
struct model;
struct model_part;
struct model_segment;

/* Codes of builtin operators that brume treats specially. */
enum tflite_code {
    TFLITE_CONV_2D = 3,
    TFLITE_DEPTHWISE_CONV_2D = 4,
    TFLITE_FULLY_CONNECTED = 9,
    TFLITE_CALL = 31,
    TFLITE_CUSTOM = 32,
    TFLITE_TRANSPOSE_CONV = 67,
    TFLITE_UNIQUE = 103,
    TFLITE_WHERE = 109,
    TFLITE_IF = 118,
    TFLITE_WHILE = 119,
    TFLITE_CALL_ONCE = 129,
    TFLITE_CONV_3D = 132,
    TFLITE_HASHTABLE = 136,
    TFLITE_HASHTABLE_SIZE = 139,
    TFLITE_VAR_HANDLE = 142,
    TFLITE_ASSIGN_VARIABLE = 144,
    TFLITE_RANDOM_STANDARD_NORMAL = 146,
    TFLITE_RANDOM_UNIFORM = 148,
    TFLITE_MULTINOMIAL = 149,
};

/* What the reader finds out about a tensor or a layer beyond struct model. */
enum tflite_open {
    TFLITE_OPEN_BATCH = 1, /* the file leaves dimension 0 open */
    TFLITE_OPEN_OTHER = 2, /* the file leaves another dimension, or the rank, open */
};

struct tflite {
    uint32_t operators;                   /* where the first element of the vector is */
    uint32_t inputs_field, outputs_field; /* where the graph's offsets to its ports are */
    bool *variable;                       /* per tensor: keeps its content between frames */
    uint8_t *open;                        /* per tensor: enum tflite_open */
    uint32_t *codes;                      /* per layer */
    bool *resource; /* per layer: reads or writes the variables and tables of the model */
};

/* NULL for a code that is newer than this table. */
const char *tflite_opcode_name(uint32_t code);
bool tflite_is_resource(uint32_t code); /* reads or writes variables or tables */
bool tflite_is_random(uint32_t code);
bool tflite_calls_body(uint32_t code); /* runs another subgraph */

/* Finds out which shapes are known when the engine runs the model as the file says. */
void tflite_settle_shapes(struct model *model);
double tflite_operations(const struct model *model, size_t layer);
void tflite_restrict_cuts(struct model *model);
int tflite_segment(const struct model *model, const struct model_part *part,
                   struct model_segment *segment, struct error *err);

#endif
