/* brume model: what can be done with a model file alone. */
#include "cli/command.h"

static const struct command *const commands[] = {
    &command_model_inspect,
    &command_model_cut,
    &command_model_check,
    &command_model_import,
};

static const struct command_table table = {
    "Looks into neural networks (.onnx, .tflite), cuts them, proves the cuts, imports more.",
    sizeof(commands) / sizeof(*commands),
    commands,
};

static int model(int argc, char **argv)
{
    return command_dispatch(&table, argc, argv);
}

const struct command command_model = {"model", "Look into, cut, check and import models",
                                      model};
