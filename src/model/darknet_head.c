/* [region] (YOLO v2) and [yolo] (v3, v4) sections: where a network ends. They have no weights;
 * what they need to turn the last grid into boxes is kept as JSON for whoever decodes it. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "model/darknet_network.h"

enum {
    ANCHORS_MAX = 64,
    CLASSES_MAX = 10000,
};

struct head {
    bool region, softmax;
    double scale;
    int classes, coordinates, n_anchors;
    size_t n_sides, n_mask; /* two sides an anchor */
    double sides[2 * ANCHORS_MAX], mask[ANCHORS_MAX];
};

static int check_mask(const struct darknet_layer *layer, const struct head *head,
                      struct error *err)
{
    for (size_t i = 0; i < head->n_mask; i++) {
        double mask = head->mask[i];

        if (mask < 0 || mask >= head->n_anchors || mask != (double)(int)mask) {
            return darknet_fail(layer->section, "mask", err, "mask has %g, but num=%d anchors",
                                mask, head->n_anchors);
        }
    }
    return 0;
}

static int check_head(const struct darknet_layer *layer, const struct head *head,
                      struct error *err)
{
    int used = head->region || head->n_mask == 0 ? head->n_anchors : (int)head->n_mask;
    int channels = used * (head->classes + head->coordinates + 1);

    if (head->n_sides < 2 * (size_t)head->n_anchors) {
        return darknet_fail(layer->section, "anchors", err,
                            "num=%d needs %d numbers in anchors=, not %zu", head->n_anchors,
                            2 * head->n_anchors, head->n_sides);
    }
    if (channels != layer->in.channels) {
        return darknet_fail(layer->section, NULL, err,
                            "%d boxes of %d classes need %d channels, but the input has %d",
                            used, head->classes, channels, layer->in.channels);
    }
    return check_mask(layer, head, err);
}

static int parse_region(const struct darknet_section *section, struct head *head,
                        struct error *err)
{
    int softmax = 0;
    int r = darknet_integer(section, "coords", &(struct darknet_range){4, 4, 4},
                            &head->coordinates, err);

    if (r == 0) {
        r = darknet_integer(section, "softmax", &(struct darknet_range){0, 0, 1}, &softmax,
                            err);
    }
    head->softmax = softmax != 0;
    return r;
}

static int parse_yolo(const struct darknet_section *section, struct head *head,
                      struct error *err)
{
    size_t n_scales = 0;
    int r = darknet_numbers(section, "scale_x_y", 1, &head->scale, &n_scales, err);

    head->coordinates = 4;
    head->scale = n_scales == 0 ? 1 : head->scale;
    return r < 0
               ? r
               : darknet_numbers(section, "mask", ANCHORS_MAX, head->mask, &head->n_mask, err);
}

static int parse(const struct darknet_layer *layer, struct head *head, struct error *err)
{
    const struct darknet_section *section = layer->section;
    int r = 0;

    if ((r = darknet_integer(section, "classes", &(struct darknet_range){20, 1, CLASSES_MAX},
                             &head->classes, err)) < 0 ||
        (r = darknet_integer(section, "num", &(struct darknet_range){1, 1, ANCHORS_MAX},
                             &head->n_anchors, err)) < 0 ||
        (r = darknet_numbers(section, "anchors", sizeof(head->sides) / sizeof(head->sides[0]),
                             head->sides, &head->n_sides, err)) < 0) {
        return r;
    }
    return head->region ? parse_region(section, head, err) : parse_yolo(section, head, err);
}

static json_t *list(const double *numbers, size_t n)
{
    json_t *array = json_array();

    for (size_t i = 0; i < n; i++) {
        json_array_append_new(array, numbers[i] == (double)(int)numbers[i]
                                         ? json_integer((json_int_t)numbers[i])
                                         : json_real(numbers[i]));
    }
    return array;
}

static char *describe(const struct head *head)
{
    cleanup(json_decrefp) json_t *json = json_object();

    json_object_set_new(json, "head", json_string(head->region ? "region" : "yolo"));
    json_object_set_new(json, "classes", json_integer(head->classes));
    json_object_set_new(json, "anchors", list(head->sides, 2 * (size_t)head->n_anchors));
    if (head->region) {
        json_object_set_new(json, "softmax", json_boolean(head->softmax));
    } else {
        if (head->n_mask > 0) {
            json_object_set_new(json, "mask", list(head->mask, head->n_mask));
        }
        json_object_set_new(json, "scale_x_y", json_real(head->scale));
    }
    return json_dumps(json, JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(9));
}

int darknet_head_parse(struct darknet_layer *layer, struct error *err)
{
    struct head head = {.region = strcmp(layer->section->name, "region") == 0};
    int r = parse(layer, &head, err);

    if (r == 0) {
        r = check_head(layer, &head, err);
    }
    if (r < 0) {
        return r;
    }
    layer->head = describe(&head);
    return 0;
}
