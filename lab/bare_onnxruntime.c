/* The bare engine, without brume: runs an ONNX model with one float input in a loop, one
 * thread, and prints runs per second. What brume is measured against.
 *
 *     bare-onnxruntime MODEL SECONDS
 */
#include <onnxruntime_c_api.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { WARM_UP = 5 };

static const OrtApi *api;

static void check(OrtStatus *status)
{
    if (status != NULL) {
        fprintf(stderr, "bare-onnxruntime: %s\n", api->GetErrorMessage(status));
        exit(1);
    }
}

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static OrtSession *open_session(const char *path)
{
    OrtSessionOptions *options;
    OrtSession *session;
    OrtEnv *env;

    check(api->CreateEnv(ORT_LOGGING_LEVEL_ERROR, "bare", &env));
    check(api->CreateSessionOptions(&options));
    check(api->SetIntraOpNumThreads(options, 1));
    check(api->CreateSession(env, path, options, &session));
    return session;
}

/* A value of the input's shape, open dimensions being 1, filled with numbers from 0 to 1. */
static OrtValue *make_input(const OrtSession *session, OrtAllocator *allocator)
{
    const OrtTensorTypeAndShapeInfo *shape;
    OrtTypeInfo *info;
    int64_t dims[8];
    size_t rank, n = 1;
    OrtValue *value;
    float *data;

    check(api->SessionGetInputTypeInfo(session, 0, &info));
    check(api->CastTypeInfoToTensorInfo(info, &shape));
    check(api->GetDimensionsCount(shape, &rank));
    if (rank > 8) {
        exit(1);
    }
    check(api->GetDimensions(shape, dims, rank));
    for (size_t i = 0; i < rank; i++) {
        dims[i] = dims[i] > 0 ? dims[i] : 1;
        n *= (size_t)dims[i];
    }
    check(api->CreateTensorAsOrtValue(allocator, dims, rank,
                                      ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT, &value));
    check(api->GetTensorMutableData(value, (void **)&data));
    for (size_t i = 0; i < n; i++) {
        data[i] = (float)(i * 2654435761u % 256) / 255;
    }
    return value;
}

int main(int argc, char **argv)
{
    OrtAllocator *allocator;
    char *input_name, *output_names[16];
    size_t n_outputs;

    if (argc != 3) {
        fprintf(stderr, "usage: bare-onnxruntime MODEL SECONDS\n");
        return 64;
    }
    setenv("ORT_DISABLE_TELEMETRY", "1", 1); /* NOLINT(concurrency-mt-unsafe) */
    api = OrtGetApiBase()->GetApi(21);
    OrtSession *session = open_session(argv[1]);
    check(api->GetAllocatorWithDefaultOptions(&allocator));
    OrtValue *input = make_input(session, allocator);
    check(api->SessionGetInputName(session, 0, allocator, &input_name));
    check(api->SessionGetOutputCount(session, &n_outputs));
    n_outputs = n_outputs < 16 ? n_outputs : 16;
    for (size_t i = 0; i < n_outputs; i++) {
        check(api->SessionGetOutputName(session, i, allocator, &output_names[i]));
    }

    double seconds = strtod(argv[2], NULL), began = now();
    unsigned runs = 0;
    for (int i = 1 - WARM_UP; i < 0 || now() - began < seconds; i++) {
        OrtValue *outputs[16] = {NULL};

        check(api->Run(session, NULL, (const char *const *)&input_name,
                       (const OrtValue *const *)&input, 1, (const char *const *)output_names,
                       n_outputs, outputs));
        for (size_t j = 0; j < n_outputs; j++) {
            api->ReleaseValue(outputs[j]);
        }
        if (i >= 0) {
            runs++;
        } else {
            began = now();
        }
    }
    printf("%.4f\n", runs / (now() - began));
    return 0;
}
