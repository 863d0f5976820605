/* Which container image a stage runs in: the smallest that has the libraries of its operators.
 *
 * Each image holds brume-stage, the plug-ins that need no library of the system, and some sets
 * of libraries with the plug-ins that need them. deploy/images makes them; its list and the one
 * here are compared by the tests.
 */
#ifndef GRAPH_IMAGE_H
#define GRAPH_IMAGE_H

#include <stddef.h>

/* Sets of libraries; an image has any of them. */
enum image_library {
    IMAGE_TFLITE = 1 << 0,
    IMAGE_ONNXRUNTIME = 1 << 1,
    IMAGE_PICTURE = 1 << 2, /* JPEG and PNG */
    IMAGE_MQTT = 1 << 3,    /* libmosquitto and SQLite: sensors */
    IMAGE_WEB = 1 << 4,     /* libcurl */
    IMAGE_ALL = (1 << 5) - 1,
};

struct image {
    const char *name; /* "picture-tflite": the image is called brume/stage-picture-tflite */
    unsigned libraries;
};

/* By index, small ones first; NULL behind the last. */
const struct image *image_at(size_t index);

/* The smallest image with all of `libraries`; there always is one. */
const struct image *image_choose(unsigned libraries);

/* "onnxruntime", "tflite", "picture", "mqtt", "web": the one bit's name. */
const char *image_library_name(enum image_library library);

#endif
