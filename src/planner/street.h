/* The application of the planner's stories: a camera, a network of nine layers, pictures drawn
 * on. Made by hand, with the times and sizes of a Tiny YOLO v2 on a small core. */
#ifndef PLANNER_STREET_H
#define PLANNER_STREET_H

#include "base/error.h"
#include "base/memory.h"
#include "model/model.h"
#include "planner/planner.h"

enum { STREET_LAYERS = 9, STREET_OPERATORS = 7 };

static const struct brume_port street_port[] = {{"frame", BRUME_ANY, ""}, {0}};
static const struct brume_port street_ports[] = {
    {"picture", BRUME_ANY, ""}, {"boxes", BRUME_ANY, ""}, {0}};

static const struct brume_operator street_types[STREET_OPERATORS] = {
    {.name = "image-source", .outputs = street_port},
    {.name = "decode", .inputs = street_port, .outputs = street_port},
    {.name = "letterbox", .inputs = street_port, .outputs = street_port},
    {.name = "model", .inputs = street_port, .outputs = street_port},
    {.name = "yolo", .inputs = street_port, .outputs = street_port},
    {.name = "draw", .inputs = street_ports, .outputs = street_port},
    {.name = "image-sink", .inputs = street_port},
};
static const double street_seconds[STREET_OPERATORS] = {0.0002, 0.004, 0.001, 0,
                                                        0.0005, 0.002, 0.003};
static const double street_layer_seconds[STREET_LAYERS] = {
    0.0035, 0.0030, 0.0025, 0.0024, 0.0025, 0.0028, 0.0070, 0.0075, 0.0008};
static const uint64_t street_outputs[STREET_OPERATORS] = {120000, 1300000, 519168, 84500,
                                                          2000,   1300000, 0};
/* Bytes live at cuts 0 to 9. */
static const size_t street_live[STREET_LAYERS + 1] = {2076672, 2768896, 1384448, 692224, 346112,
                                                      173056,  346112,  692224,  692224, 84500};

struct street {
    struct graph graph;
    struct graph_operator operators[STREET_OPERATORS];
    struct graph_input inputs[STREET_OPERATORS + 1];
    struct graph_param params[1];
    struct model model;
    struct model_layer layers[STREET_LAYERS];
    int layer_inputs[STREET_LAYERS];
    struct model_tensor tensors[STREET_LAYERS + 1];
    int ends[2];
    bool legal[STREET_LAYERS + 1];
    struct planner_operator known[STREET_OPERATORS];
    uint64_t outputs[STREET_OPERATORS];
    struct planner_device devices[8];
    char names[8][16];
    struct profile_store *profiles;
    struct planner_input input;
};

static inline void street_model(struct street *street)
{
    for (int i = 0; i <= STREET_LAYERS; i++) {
        street->tensors[i] = (struct model_tensor){
            .name = "t", .size = street_live[i], .producer = i - 1, .last_use = i};
        street->legal[i] = true;
    }
    for (int i = 0; i < STREET_LAYERS; i++) {
        street->layer_inputs[i] = i;
        street->layers[i] = (struct model_layer){
            .name = "conv",
            .kind = "Conv",
            .n_inputs = 1,
            .inputs = &street->layer_inputs[i],
            .weight_size = i < 6 ? 1000000 : 20000000,
            .operations = street_layer_seconds[i] * 1e10,
        };
    }
    street->ends[0] = 0;
    street->ends[1] = STREET_LAYERS;
    street->model = (struct model){
        .path = "tiny.onnx",
        .hash = 0x1234,
        .format = "onnx",
        .n_tensors = STREET_LAYERS + 1,
        .tensors = street->tensors,
        .n_layers = STREET_LAYERS,
        .layers = street->layers,
        .n_inputs = 1,
        .n_outputs = 1,
        .inputs = &street->ends[0],
        .outputs = &street->ends[1],
        .legal = street->legal,
    };
}

static inline void street_graph(struct street *street)
{
    static char *const names[] = {"camera", "picture", "fit", "detect",
                                  "boxes",  "drawn",   "out"};
    static const unsigned reads[] = {0, 0, 1, 2, 3, 1, 5};

    for (unsigned i = 0; i < STREET_OPERATORS; i++) {
        street->inputs[i].operator= reads[i];
        street->operators[i] = (struct graph_operator){
            .name = names[i],
            .type = &street_types[i],
            .n_inputs = i > 0 ? 1 : 0,
            .inputs = &street->inputs[i],
            .place = {.line = i + 5, .column = 7},
        };
        street->known[i].n_outputs = 1;
        street->outputs[i] = street_outputs[i];
        street->known[i].outputs = &street->outputs[i];
    }
    /* drawn reads the picture and the boxes; its two inputs lie at the end of the array. */
    street->inputs[7] = street->inputs[6];
    street->inputs[5] = (struct graph_input){.operator= 1 };
    street->inputs[6] = (struct graph_input){.operator= 4 };
    street->operators[5].n_inputs = 2;
    street->operators[6].inputs = &street->inputs[7];
    street->params[0] = (struct graph_param){.name = "size", .value = "416x416"};
    street->operators[2].n_params = 1;
    street->operators[2].params = street->params;
    street->known[3].model = &street->model;
    street->known[3].engine = "onnxruntime fast";
    street->graph = (struct graph){.file = "street.yaml",
                                   .name = "street",
                                   .n_operators = STREET_OPERATORS,
                                   .operators = street->operators};
}

/* Takes in what a device of the type would measure, `slower` times slower than a small core. */
static inline void street_measure(struct street *street, const char *type, double slower)
{
    struct error err = {0};

    for (unsigned i = 0; i < STREET_OPERATORS; i++) {
        cleanup(memory_free) char *subject =
            profile_subject(&street->graph, i, street->known[i].model);
        struct profile_key key = {subject, type, street->known[i].engine};
        double whole = 0;

        for (unsigned k = 0; i == 3 && k < STREET_LAYERS; k++) {
            struct profile_segment segment = {.from = k,
                                              .to = k + 1,
                                              .cpu_seconds = street_layer_seconds[k] * slower,
                                              .runs = 9};

            whole += segment.cpu_seconds;
            profile_record(street->profiles, key, &segment, &err);
        }
        struct profile_segment all = {.to = i == 3 ? STREET_LAYERS : 0,
                                      .cpu_seconds =
                                          i == 3 ? whole : street_seconds[i] * slower,
                                      .runs = 9};

        profile_record(street->profiles, key, &all, &err);
    }
}

/* Takes in what codecs make of the network's tensors: zstd leaves `part` of what it gets. */
static inline void street_pack(struct street *street, const char *type, double part)
{
    static const double parts[] = {1, 0.5, 0.25};
    cleanup(memory_free) char *subject =
        profile_packing_subject(&street->graph, 3, &street->model);
    const struct profile_key key = {subject, type, street->known[3].engine};
    struct error err = {0};

    for (unsigned k = 1; k <= STREET_LAYERS; k++) {
        for (int codec = GRAPH_CODEC_ZSTD; codec < GRAPH_CODEC_END; codec++) {
            struct profile_packing packing = {.at = k, .codec = (enum graph_codec)codec};
            bool squeezes = graph_codec_squeezes(packing.codec);

            packing.part = parts[graph_codec_link(packing.codec)] * (squeezes ? part : 1);
            packing.pack = squeezes ? 2e-9 : 3e-10;
            packing.unpack = squeezes ? 5e-10 : 1e-10;
            profile_record_packing(street->profiles, key, &packing, &err);
        }
    }
}

/* `n` equal devices: 0.3 cores and 100 Mbit/s. */
static inline struct street *street_create(size_t n)
{
    struct street *street = memory_new(1, sizeof(*street));
    struct error err = {0};

    street_model(street);
    street_graph(street);
    profile_store_open(NULL, &street->profiles, &err);
    for (size_t i = 0; i < 8; i++) {
        snprintf(street->names[i], sizeof(street->names[i]), "device-%zu", i + 1);
        street->devices[i] = (struct planner_device){.name = street->names[i],
                                                     .type = "small",
                                                     .cores = 0.3,
                                                     .link_rate = 12.5e6,
                                                     .link_latency = 0.0005};
    }
    street->input = (struct planner_input){
        .graph = &street->graph,
        .operators = street->known,
        .profiles = street->profiles,
        .n_devices = n,
        .devices = street->devices,
    };
    return street;
}

static inline void street_destroyp(struct street **street)
{
    profile_store_close((*street)->profiles);
    memory_free(street);
}

#endif
