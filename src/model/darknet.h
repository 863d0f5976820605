/* Darknet models brought in: cfg (and weights) to ONNX. */
#ifndef MODEL_DARKNET_H
#define MODEL_DARKNET_H

#include <stddef.h>
#include <stdint.h>

struct error;

struct darknet_options {
    const char *config;  /* the cfg file */
    const char *weights; /* NULL: seeded random numbers, for timing, never for detection */
    uint64_t seed;
    const char *output; /* the .onnx file to write; replaced only when all went well */
};

struct darknet_summary {
    size_t n_layers, n_convolutions, n_outputs;
    int channels, height, width; /* of the input */
    uint64_t weight_size;        /* bytes, as written: batch normalisation is folded */
    double operations;           /* multiply-adds x 2 of the convolutions, for one picture */
};

/* Writes an ONNX model with one input, "data": float32 1 x channels x height x width, RGB,
 * 0..1, and one output for each [region] or [yolo] section, the raw grid that the section
 * decodes, named "region_31", "yolo_120" (with the layer's number). The model's properties say
 * where it comes from ("darknet.config"; "darknet.weights", or "darknet.seed") and, as JSON,
 * what decoding needs ("darknet.yolo_120": head, anchors, mask, scale_x_y as the operator
 * `yolo` takes them, and the number of classes). Errors
 * name the file and the line; -EINVAL when a file's content is at fault. */
int darknet_import(const struct darknet_options *options, struct darknet_summary *ret_summary,
                   struct error *err);

#endif
