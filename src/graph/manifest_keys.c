#include "graph/manifest_keys.h"

#include "graph/deployment.h"
#include "graph/graph.h"

#define LABEL  "[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
#define NUMBER "([0-9]+\\.?[0-9]*|\\.[0-9]+)([eE][-+]?[0-9]+)?"

static const struct yaml_key metadata_keys[] = {
    {.name = "name",
     .kinds = YAML_TEXT,
     .required = true,
     .form = "a name of a-z, 0-9 and -",
     .help = "The application's name.",
     .pattern = "^" LABEL "$"},
    {.name = "namespace",
     .kinds = YAML_TEXT,
     .form = "a name",
     .help = "The Kubernetes namespace; elsewhere it has no effect."},
    {.name = "labels",
     .kinds = YAML_MAP,
     .form = "a map of texts",
     .help = "As in Kubernetes; kept for the user's own tools."},
    {.name = "annotations",
     .kinds = YAML_MAP,
     .form = "a map of texts",
     .help = "As in Kubernetes; kept for the user's own tools."},
    {0}};

static const struct yaml_key qos_keys[] = {
    {.name = "rate",
     .kinds = YAML_TEXT,
     .form = "a rate such as 5/s or 300/min",
     .help = "Frames that must reach the sinks; the plan says when it cannot be.",
     .pattern = "^" NUMBER "/(s|min|h)$"},
    {.name = "latency",
     .kinds = YAML_TEXT,
     .form = "a duration such as 2s or 100ms",
     .help = "The longest that a frame may take from its source to its sinks.",
     .pattern = "^" NUMBER "(us|ms|s|min|h)$"},
    {0}};

static const struct yaml_key on_keys[] = {
    {.name = "has",
     .kinds = YAML_LIST,
     .form = "a list of words such as [camera]",
     .help = "Only a device that has all of these may run the operator.",
     .pattern = "^" LABEL "$",
     .most = GRAPH_HAS_MAX},
    {.name = "device",
     .kinds = YAML_TEXT,
     .form = "a device's name",
     .help = "Only this device may run the operator.",
     .pattern = "^[-.a-z0-9]{1,253}$"},
    {0}};

static const struct yaml_key operator_keys[] = {
    {.name = "name",
     .kinds = YAML_TEXT,
     .required = true,
     .form = "a name of a-z, 0-9 and -",
     .help = "The operator's name, once per application.",
     .pattern = "^" LABEL "$"},
    {.name = "use",
     .kinds = YAML_TEXT,
     .required = true,
     .form = "an operator from `brume operators`",
     .help = "What it does.",
     .pattern = "^" LABEL "$"},
    {.name = "in",
     .kinds = YAML_LIST,
     .form = "a list of operators such as [picture, boxes]",
     .help = "Whose output each input port reads, joined by sequence number. An output other "
             "than the first is `operator.port`. A source has none.",
     .pattern = "^" LABEL "(\\..+)?$",
     .most = DEPLOYMENT_INPUTS_MAX},
    {.name = "with",
     .kinds = YAML_MAP,
     .form = "a map of parameters",
     .help = "The operator's parameters; `brume operators NAME` lists them."},
    {.name = "on",
     .kinds = YAML_MAP,
     .form = "a map",
     .help = "Where it may run; anywhere, when silent.",
     .keys = on_keys},
    {.name = "cut",
     .kinds = YAML_TEXT | YAML_LIST,
     .form = "auto, none or a list of cuts such as [12, 30]",
     .help = "Where the network of a `model` is cut: where the planner sees fit (auto, the "
             "default), nowhere, or before exactly these layers.",
     .pattern = "^(auto|none)$",
     .most = GRAPH_CUTS_MAX},
    {.name = "link",
     .kinds = YAML_TEXT,
     .form = "exact, f16 or u8",
     .help =
         "What the tensors of a `model` may lose when they cross a link: nothing (exact, the "
         "default), what half precision lacks, or what a byte with a scale lacks. The planner "
         "makes use of it where that is faster; and of zstd, which loses nothing, without "
         "being "
         "told.",
     .choices = "exact|f16|u8"},
    {.name = "replicas",
     .kinds = YAML_TEXT,
     .form = "auto, off or a whole number",
     .help = "How many devices may share its frames: what the planner sees fit (auto, the "
             "default), one, or at most so many.",
     .type = "text|integer",
     .pattern = "^(auto|off)$",
     .most = GRAPH_REPLICAS_MAX},
    {0}};

static const struct yaml_key spec_keys[] = {
    {.name = "objective",
     .kinds = YAML_TEXT,
     .form = "throughput, latency or traffic",
     .help = "What the plan makes best: frames per second (the default), time per frame, or "
             "bytes over the links.",
     .choices = MANIFEST_OBJECTIVES},
    {.name = "qos",
     .kinds = YAML_MAP,
     .form = "a map",
     .help = "What must be reached, whatever the objective.",
     .keys = qos_keys},
    {.name = "operators",
     .kinds = YAML_LIST,
     .required = true,
     .form = "a list of operators",
     .help = "The processing steps, in any order.",
     .keys = operator_keys,
     .most = GRAPH_OPERATORS_MAX},
    {0}};

const struct yaml_key manifest_keys[] = {{.name = "apiVersion",
                                          .kinds = YAML_TEXT,
                                          .required = true,
                                          .form = "brume.dev/v1alpha1",
                                          .help = "The version of this form.",
                                          .choices = "brume.dev/v1alpha1"},
                                         {.name = "kind",
                                          .kinds = YAML_TEXT,
                                          .required = true,
                                          .form = "Application",
                                          .help = "What the document describes.",
                                          .choices = "Application"},
                                         {.name = "metadata",
                                          .kinds = YAML_MAP,
                                          .required = true,
                                          .form = "a map",
                                          .help = "Name and labels.",
                                          .keys = metadata_keys},
                                         {.name = "spec",
                                          .kinds = YAML_MAP,
                                          .required = true,
                                          .form = "a map",
                                          .help = "What runs, and what for.",
                                          .keys = spec_keys},
                                         {0}};
