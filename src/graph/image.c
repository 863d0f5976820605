#include "graph/image.h"

#include <assert.h>

/* Small ones first. */
static const struct image images[] = {
    {"base", 0},
    {"picture", IMAGE_PICTURE},
    {"mqtt", IMAGE_MQTT},
    {"tflite", IMAGE_TFLITE},
    {"picture-tflite", IMAGE_PICTURE | IMAGE_TFLITE},
    {"onnxruntime", IMAGE_ONNXRUNTIME},
    {"picture-onnxruntime", IMAGE_PICTURE | IMAGE_ONNXRUNTIME},
    {"all", IMAGE_ALL},
};

enum { N_IMAGES = sizeof(images) / sizeof(*images) };

const struct image *image_at(size_t index)
{
    return index < N_IMAGES ? &images[index] : NULL;
}

const struct image *image_choose(unsigned libraries)
{
    size_t i = 0;

    while (i < N_IMAGES && (images[i].libraries & libraries) != libraries) {
        i++;
    }
    assert(i < N_IMAGES);
    return &images[i];
}

const char *image_library_name(enum image_library library)
{
    switch (library) {
    case IMAGE_TFLITE:
        return "tflite";
    case IMAGE_ONNXRUNTIME:
        return "onnxruntime";
    case IMAGE_PICTURE:
        return "picture";
    case IMAGE_MQTT:
        return "mqtt";
    case IMAGE_WEB:
        return "web";
    case IMAGE_ALL:
        return "all";
    }
    return "";
}
