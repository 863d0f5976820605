/* What codecs make of the tensors that an operator gives, and what that takes: tried on one
 * frame, since a frame is many numbers. */
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "operator/registry.h"
#include "stage/measure_state.h"

enum {
    TRIES = 3,
    ENOUGH_NS = 15000000, /* of CPU time: then one try is enough */
};

static int open_one(const char *use, const char *codec, struct operator_instance **ret_instance)
{
    struct operator_param param = {"codec", codec};
    struct operator_setup setup = {
        .name = use, .n_params = codec != NULL, .params = &param, .rehearsal = true};
    struct error ignored;
    int r = registry_find(use, &setup.type, &ignored);

    return r < 0 ? r : operator_open(&setup, ret_instance, &ignored);
}

/* The least CPU seconds of some runs: others on the machine can only make one longer. */
static int run(struct operator_instance *instance, struct frame *input, double *ret_seconds,
               struct frame **ret_output)
{
    uint64_t least = UINT64_MAX, spent = 0;

    for (unsigned i = 0; i < TRIES && (i == 0 || spent < ENOUGH_NS); i++) {
        struct operator_result result = {0};
        struct error ignored;
        uint64_t began = clock_process_ns();
        int r = operator_process(instance, 0, &input, &result, &ignored);
        uint64_t took = clock_process_ns() - began;

        if (r == 0) {
            *ret_output = frame_unref(*ret_output);
            *ret_output = STEAL(result.outputs[0]);
        }
        operator_result_finish(&result);
        if (r != 0) {
            return -1;
        }
        spent += took;
        least = took < least ? took : least;
    }
    *ret_seconds = (double)least / 1e9;
    return 0;
}

static int try_codec(struct frame *frame, struct task_packing *packing)
{
    cleanup(operator_closep) struct operator_instance *pack = NULL, *unpack = NULL;
    cleanup(frame_unrefp) struct frame *packed = NULL, *back = NULL;
    double bytes = (double)frame_size(frame);
    const char *codec = graph_codec_name(packing->codec);

    if (open_one("pack", codec, &pack) < 0 || open_one("unpack", NULL, &unpack) < 0 ||
        run(pack, frame, &packing->pack, &packed) < 0 ||
        run(unpack, packed, &packing->unpack, &back) < 0) {
        return -1;
    }
    packing->part = (double)frame_size(packed) / bytes;
    packing->pack /= bytes;
    packing->unpack /= bytes;
    return 0;
}

static bool is_known(const struct made *made, unsigned at)
{
    for (size_t i = 0; i < made->n_packed; i++) {
        if (made->packed[i] == at) {
            return true;
        }
    }
    return false;
}

/* Whether float32 may lose precision is for the planner to know: a network's may. */
void measure_pack(struct measure *measure, struct task *task, unsigned at, struct frame *frame)
{
    struct made *made = &measure->made[task->operator_id];
    bool network = task->to > 0;

    if (frame == NULL || frame_size(frame) < GRAPH_CODEC_LEAST || is_known(made, at)) {
        return;
    }
    made->packed = memory_grow(made->packed, made->n_packed, sizeof(*made->packed));
    made->packed[made->n_packed++] = at;
    for (int codec = GRAPH_CODEC_ZSTD; codec < GRAPH_CODEC_END; codec++) {
        /* What cannot be packed is as large as before. */
        struct task_packing packing = {.at = at, .codec = (enum graph_codec)codec, .part = 1};

        if (!network && graph_codec_link(packing.codec) != GRAPH_LINK_EXACT) {
            continue;
        }
        if (try_codec(frame, &packing) < 0) {
            packing.part = 1;
            packing.pack = packing.unpack = 0;
        }
        task->packings = memory_grow(task->packings, task->n_packings, sizeof(*task->packings));
        task->packings[task->n_packings++] = packing;
    }
}
