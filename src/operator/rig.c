#include "operator/rig.h"

#include <ftw.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "operator/registry.h"

enum { PARAMS_MAX = 32 };

struct request {
    struct operator_setup setup;
    struct operator_param params[PARAMS_MAX];
};

static void read_request(struct request *request, const char *const *words)
{
    struct error err;

    *request = (struct request){.setup = {.name = words[0], .params = request->params}};
    if (registry_find(words[0], &request->setup.type, &err) < 0) {
        fail_msg("%s", err.text);
    }
    for (size_t i = 1; words[i] != NULL && words[i + 1] != NULL; i += 2) {
        assert_true(request->setup.n_params < PARAMS_MAX);
        request->params[request->setup.n_params++] =
            (struct operator_param){words[i], words[i + 1]};
    }
}

struct operator_instance *rig_open(const char *const *words)
{
    return rig_open_in(NULL, words);
}

struct operator_instance *rig_open_in(const char *folder, const char *const *words)
{
    struct operator_instance *instance = NULL;
    struct request request;
    struct error err;

    read_request(&request, words);
    request.setup.folder = folder;
    if (operator_open(&request.setup, &instance, &err) < 0) {
        fail_msg("%s", err.text);
    }
    return instance;
}

void rig_refuse(const char *const *words, struct error *ret_err)
{
    struct operator_instance *instance = NULL;
    struct request request;

    read_request(&request, words);
    assert_true(operator_open(&request.setup, &instance, ret_err) < 0);
}

int rig_infer(const char *const *words, const struct operator_shapes *inputs,
              struct operator_shapes *ret_output, struct error *ret_err)
{
    struct operator_shapes outputs[OPERATOR_PORTS_MAX];
    struct request request;

    read_request(&request, words);
    memset(outputs, 0, sizeof(outputs));
    int ret = operator_infer(&request.setup, inputs, outputs, ret_err);
    *ret_output = outputs[0];
    return ret;
}

static struct frame *process(struct operator_instance *instance, unsigned port,
                             uint64_t sequence, struct frame *const *inputs)
{
    struct operator_result result;
    struct error err;
    struct frame *output = NULL;
    int ret = operator_process(instance, sequence, inputs, &result, &err);

    while (ret == OPERATOR_LATER && inputs != NULL) {
        operator_result_finish(&result);
        ret = operator_process(instance, sequence, inputs, &result, &err);
    }
    if (ret != 0) {
        fail_msg("%d: %s", ret, ret < 0 ? err.text : "there is no such frame");
    }
    if (result.n_outputs > port) {
        output = frame_ref(result.outputs[port]);
    }
    operator_result_finish(&result);
    return output;
}

struct frame *rig_process(struct operator_instance *instance, uint64_t sequence,
                          struct frame *const *inputs)
{
    return process(instance, 0, sequence, inputs);
}

struct frame *rig_pass(struct operator_instance *instance, struct frame *input)
{
    struct frame *output = rig_process(instance, input->sequence, &input);

    frame_unref(input);
    return output;
}

int rig_try(struct operator_instance *instance, uint64_t sequence, struct frame *const *inputs,
            struct error *ret_err)
{
    struct operator_result result;
    int ret = operator_process(instance, sequence, inputs, &result, ret_err);

    operator_result_finish(&result);
    return ret;
}

static void wait_for(const struct operator_result *result)
{
    struct pollfd one = {.fd = result->wait_for, .events = POLLIN};

    poll(&one, 1, (int)result->wait_ms);
}

struct frame *rig_await(struct operator_instance *instance, uint64_t sequence)
{
    struct operator_result result;
    struct error err;
    int ret;

    while ((ret = operator_process(instance, sequence, NULL, &result, &err)) ==
           OPERATOR_LATER) {
        wait_for(&result);
        operator_result_finish(&result);
    }
    if (ret != 0) {
        fail_msg("%d: %s", ret, ret < 0 ? err.text : "there is no such frame");
    }
    struct frame *output = frame_ref(result.outputs[0]);
    operator_result_finish(&result);
    return output;
}

void rig_await_said(struct operator_instance *instance, uint64_t sequence, const char *text)
{
    struct operator_result result;
    struct error err;
    bool found = false;

    while (!found) {
        int ret = operator_process(instance, sequence, NULL, &result, &err);

        if (ret != OPERATOR_LATER) {
            fail_msg("%d: %s", ret, ret < 0 ? err.text : "there is such a frame");
        }
        for (size_t i = 0; i < result.n_said; i++) {
            found = found || strstr(result.said[i], text) != NULL;
        }
        if (!found) {
            wait_for(&result);
        }
        operator_result_finish(&result);
    }
}

char *rig_hear(struct operator_instance *instance, uint64_t sequence,
               struct frame *const *inputs)
{
    struct operator_result result;
    struct error err;
    char *said = NULL;
    int ret = operator_process(instance, sequence, inputs, &result, &err);

    if (ret != 0 && ret != OPERATOR_LATER) {
        fail_msg("%d: %s", ret, ret < 0 ? err.text : "there is no such frame");
    }
    if (result.n_said > 0) {
        said = memory_text(result.said[0]);
    }
    operator_result_finish(&result);
    return said;
}

struct frame *rig_frame(uint64_t sequence, unsigned n_tensors, struct tensor *const *tensors)
{
    return frame_create(sequence, 1769860800123000000U + sequence, NULL, n_tensors, tensors);
}

struct tensor *rig_tensor(enum tensor_type type, uint32_t rank, const uint32_t *dims,
                          const void *data)
{
    struct tensor_shape shape = {.type = type, .rank = rank};
    struct tensor *tensor = NULL;
    struct error err;

    memcpy(shape.dims, dims, rank * sizeof(*dims));
    if (tensor_create(&shape, &tensor, &err) < 0) {
        fail_msg("%s", err.text);
    } else if (data == NULL) {
        memset(tensor->data, 0, tensor->size);
    } else if (tensor->size > 0) {
        memcpy(tensor->data, data, tensor->size);
    }
    return tensor;
}

struct frame *rig_bytes(const void *bytes, size_t size)
{
    uint32_t n = (uint32_t)size;
    struct tensor *tensor = rig_tensor(TENSOR_U8, 1, &n, bytes);

    return rig_frame(0, 1, &tensor);
}

struct frame *rig_file(const char *path)
{
    cleanup(memory_free) void *bytes = NULL;
    struct error err;
    size_t size = 0;

    if (file_read(path, 16 << 20, &bytes, &size, &err) < 0) {
        fail_msg("%s", err.text);
    }
    return rig_bytes(bytes, size);
}

struct frame *rig_picture(uint32_t width, uint32_t height)
{
    struct tensor *tensor = rig_tensor(TENSOR_U8, 3, (uint32_t[]){height, width, 3}, NULL);
    uint8_t *at = tensor->data;

    for (uint32_t y = 0; y < height; y++) {
        for (uint32_t x = 0; x < width; x++) {
            *at++ = (uint8_t)(x * 3);
            *at++ = (uint8_t)(y * 5);
            *at++ = (uint8_t)(x + y);
        }
    }
    return rig_frame(0, 1, &tensor);
}

struct frame *rig_boxes(uint32_t n, const float (*rows)[6], const char *labels)
{
    uint32_t size = (uint32_t)strlen(labels);
    struct tensor *tensors[] = {
        rig_tensor(TENSOR_F32, 2, (uint32_t[]){n, 6}, rows),
        rig_tensor(TENSOR_U8, 1, &size, labels),
    };

    return rig_frame(0, 2, tensors);
}

struct frame *rig_readings(uint32_t n, const double (*rows)[2], const char *names)
{
    uint32_t size = (uint32_t)strlen(names);
    struct tensor *tensors[] = {
        rig_tensor(TENSOR_F64, 2, (uint32_t[]){n, 2}, rows),
        rig_tensor(TENSOR_U8, 1, &size, names),
    };

    return rig_frame(0, 2, tensors);
}

char *rig_folder(void)
{
    const char *where = secure_getenv("TMPDIR");
    char *folder = memory_format("%s/brume-test-XXXXXX", where != NULL ? where : "/tmp");

    assert_non_null(mkdtemp(folder));
    return folder;
}

struct frame *rig_readings_of(uint64_t sequence, const char *text)
{
    cleanup(memory_free) char *list = memory_text(text);
    cleanup(memory_free) char *names = memory_new(strlen(text) + 3, 2);
    cleanup(memory_free) double(*rows)[2] = memory_new(strlen(text) + 1, sizeof(*rows));
    char *rest = NULL;
    uint32_t n = 0;

    for (char *at = strtok_r(list, ";", &rest); at != NULL; at = strtok_r(NULL, ";", &rest)) {
        char *type;

        rows[n][0] = strtod(at, &at);
        rows[n][1] = strtod(at, &at);
        type = strtok_r(at, " ", &at);
        char *device = strtok_r(NULL, " ", &at);
        sprintf(names + strlen(names), "%s\t%s\n", type, device != NULL ? device : "");
        n++;
    }
    struct frame *frame = n > 0 ? rig_readings(n, (const double(*)[2])rows, names)
                                : frame_create(0, 0, NULL, 0, NULL);
    frame->sequence = sequence;
    return frame;
}

char *rig_readings_text(const struct frame *frame)
{
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);

    if (frame->n_tensors > 0) {
        const double *rows = frame->tensors[0]->data;
        const char *at = frame->tensors[1]->data;

        assert_int_equal(frame->tensors[0]->shape.type, TENSOR_F64);
        for (uint32_t i = 0; i < frame->tensors[0]->shape.dims[0]; i++) {
            const char *tab = strchr(at, '\t');
            const char *end = strchr(at, '\n');

            fprintf(file, "%s%.17g %.17g %.*s%s%.*s", i > 0 ? "; " : "", rows[(size_t)2 * i],
                    rows[(size_t)2 * i + 1], (int)(tab - at), at, end > tab + 1 ? " " : "",
                    (int)(end - tab - 1), tab + 1);
            at = end + 1;
        }
    }
    fclose(file);
    return text;
}

char *rig_flow(struct operator_instance *instance, unsigned port, uint64_t sequence,
               const char *text)
{
    cleanup(frame_unrefp) struct frame *input = rig_readings_of(sequence, text);
    cleanup(frame_unrefp) struct frame *output = process(instance, port, sequence, &input);

    return rig_readings_text(output);
}

void rig_revive(struct operator_instance **instance, const char *const *words)
{
    struct operator_saved first = {0}, second = {0};
    struct error err;

    if (operator_save(*instance, &first, &err) < 0) {
        fail_msg("%s", err.text);
    }
    operator_close(*instance);
    *instance = rig_open(words);
    if (operator_restore(*instance, first.data, first.size, &err) < 0 ||
        operator_save(*instance, &second, &err) < 0) {
        fail_msg("%s", err.text);
    }
    assert_int_equal(first.size, second.size);
    assert_memory_equal(first.data, second.data, first.size);
    free(first.data);
    free(second.data);
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    (void)status;
    (void)kind;
    (void)walk;
    return remove(path);
}

void rig_remove(char *folder)
{
    int ret =
        nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS); // NOLINT(concurrency-mt-unsafe)

    assert_int_equal(ret, 0);
    free(folder);
}

char *rig_model(const char *name)
{
    char *path = file_search(NULL, name);

    if (path == NULL) {
        print_message("%s is not there (BRUME_MODELS): skipped\n", name);
        skip();
    }
    return path;
}
