/* brume doctor: what this machine has and lacks, and what mends it. */
#include <argp.h>
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "cli/command.h"
#include "engine/engine.h"
#include "fabric/fabric.h"
#include "operator/registry.h"

enum { OPTION_JSON = 256 };

static const struct argp_option options[] = {
    {"json", OPTION_JSON, NULL, 0, "One JSON object", 0},
    {0},
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
    bool *json = state->input;

    switch (key) {
    case OPTION_JSON:
        *json = true;
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "'%s' is too much: there is only one machine", argument);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp argp = {
    options,
    parse,
    NULL,
    "Tells what this machine has and lacks for running and emulating devices, and what mends "
    "it; removes what killed runs left. Exits with 69 when something is missing that brume "
    "cannot do without.",
    NULL,
    NULL,
    NULL};

struct finding {
    const char *group, *name;
    bool there;
    bool needed; /* without it brume, or what the group is about, does not work */
    const char *what, *mend;
};

struct doctor {
    json_t *findings;
    bool json;
    bool ill; /* brume itself cannot work */
    const char *group;
};

static void tell(struct doctor *doctor, const struct finding *finding)
{
    json_array_append_new(doctor->findings,
                          json_pack("{sssssbsbssss*}", "group", finding->group, "name",
                                    finding->name, "there", finding->there, "needed",
                                    finding->needed, "what", finding->what, "mend",
                                    finding->there ? NULL : finding->mend));
    if (doctor->json) {
        return;
    }
    if (doctor->group == NULL || strcmp(doctor->group, finding->group) != 0) {
        printf("%s%s\n", doctor->group != NULL ? "\n" : "", finding->group);
        doctor->group = finding->group;
    }
    printf("  %-7s %-32s %s\n", finding->there ? "ok" : (finding->needed ? "MISSING" : "-"),
           finding->name, finding->what);
    if (!finding->there && finding->mend != NULL) {
        printf("  %-7s %-32s mend it: %s\n", "", "", finding->mend);
    }
}

static void look_for_programs(struct doctor *doctor)
{
    static const char *const programs[][2] = {{"brume-stage", "BRUME_STAGE"},
                                              {"brume-controller", "BRUME_CONTROLLER"}};

    for (size_t i = 0; i < sizeof(programs) / sizeof(*programs); i++) {
        const char *given = secure_getenv(programs[i][1]);
        cleanup(memory_free) char *path =
            given != NULL ? memory_text(given) : file_beside_program(programs[i][0]);
        const struct finding finding = {.group = "programs",
                                        .name = programs[i][0],
                                        .there = path != NULL && access(path, X_OK) == 0,
                                        .needed = true,
                                        .what = path,
                                        .mend = "make"};
        tell(doctor, &finding);
        doctor->ill = doctor->ill || !finding.there;
    }
}

/* One engine is enough to work with. */
static void look_for_engines(struct doctor *doctor)
{
    static const char *const names[][2] = {{"onnxruntime", ".onnx"}, {"tflite", ".tflite"}};
    bool any = false;

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        const struct engine *engine = NULL;
        struct error err;
        bool there = engine_find(names[i][0], &engine, &err) == 0;
        cleanup(memory_free) char *what =
            there ? memory_format("%s, runs %s", engine->version(), names[i][1])
                  : memory_text(err.text);
        const struct finding finding = {.group = "engines",
                                        .name = names[i][0],
                                        .there = there,
                                        .needed = true,
                                        .what = what,
                                        .mend = "make deps && make"};
        tell(doctor, &finding);
        any = any || there;
    }
    doctor->ill = doctor->ill || !any;
}

static void look_for_operators(struct doctor *doctor)
{
    const char *name;
    size_t n = 0;

    for (size_t i = 0; (name = registry_name(i)) != NULL; i++) {
        const struct brume_operator *type = NULL;
        struct error err;
        if (registry_find(name, &type, &err) == 0) {
            n++;
            continue;
        }
        const struct finding finding = {.group = "operators",
                                        .name = name,
                                        .needed = true,
                                        .what = err.text,
                                        .mend = "build the plug-in again, or remove it"};
        tell(doctor, &finding);
    }
    static const struct {
        const char *name, *mend;
        bool needed; /* by the demo */
    } optional[] = {
        {"decode", "apt-get install libturbojpeg0-dev libpng-dev; make clean all", true},
        {"image-sink", "apt-get install libturbojpeg0-dev libpng-dev; make clean all", true},
        {"sqlite-sink", "apt-get install libsqlite3-dev; make clean all", false},
        {"alert", "apt-get install libcurl4-openssl-dev; make clean all", false},
    };
    for (size_t i = 0; i < sizeof(optional) / sizeof(*optional); i++) {
        const struct brume_operator *type = NULL;
        struct error err;
        if (registry_find(optional[i].name, &type, &err) == -ENOPKG) {
            const struct finding finding = {.group = "operators",
                                            .name = optional[i].name,
                                            .needed = optional[i].needed,
                                            .what = "was not built",
                                            .mend = optional[i].mend};
            tell(doctor, &finding);
        }
    }
    cleanup(memory_free) char *what = memory_format("%zu can be used", n);
    const struct finding finding = {
        .group = "operators", .name = "in all", .there = true, .what = what};
    tell(doctor, &finding);
}

static bool is_model(const char *name)
{
    const char *dot = strrchr(name, '.');

    return dot != NULL && (strcmp(dot, ".onnx") == 0 || strcmp(dot, ".tflite") == 0);
}

static void look_for_models(struct doctor *doctor)
{
    cleanup(memory_free) char *cache = file_cache_folder();
    cleanup(memory_free) char *folder = memory_format("%s/models", cache);
    DIR *listing = opendir(folder);
    const struct dirent *entry;
    size_t n = 0;

    /* A stream of our own: no other thread reads it. */
    while (listing != NULL && (entry = readdir(listing)) != NULL) { /* NOLINT(concurrency-*) */
        char size[COMMAND_SIZE_TEXT];
        struct stat status;

        if (is_model(entry->d_name) &&
            fstatat(dirfd(listing), entry->d_name, &status, 0) == 0) {
            const struct finding finding = {
                .group = "models in the cache",
                .name = entry->d_name,
                .there = true,
                .what = command_size_text((double)status.st_size, size)};
            tell(doctor, &finding);
            n++;
        }
    }
    if (listing != NULL) {
        closedir(listing);
    }
    if (n == 0) {
        const struct finding finding = {.group = "models in the cache",
                                        .name = "the demo's",
                                        .what = folder,
                                        .mend = "make deps"};
        tell(doctor, &finding);
    }
}

static void tell_group(void *owner, const char *group, const struct fabric_fact *fact)
{
    const struct finding finding = {.group = group,
                                    .name = fact->name,
                                    .there = fact->there,
                                    .needed = fact->needed,
                                    .what = fact->what,
                                    .mend = fact->mend};

    tell(owner, &finding);
}

static void tell_device(void *owner, const struct fabric_fact *fact)
{
    tell_group(owner, "emulated devices", fact);
}

static void tell_container(void *owner, const struct fabric_fact *fact)
{
    tell_group(owner, "containers", fact);
}

static void tell_cluster(void *owner, const struct fabric_fact *fact)
{
    tell_group(owner, "cluster", fact);
}

static void clean_up(struct doctor *doctor)
{
    unsigned n_runs = 0;
    struct error err = {0};
    int r = fabric_clean(&n_runs, &err);
    cleanup(memory_free) char *what =
        r < 0        ? memory_text(err.text)
        : n_runs > 0 ? memory_format("what %u killed run%s left was removed", n_runs,
                                     n_runs == 1 ? "" : "s")
                     : memory_text("none");
    const struct finding finding = {.group = "emulated devices",
                                    .name = "leftovers",
                                    .there = r >= 0,
                                    .what = what,
                                    .mend = "sudo brume doctor"};

    tell(doctor, &finding);
}

static int examine(int argc, char **argv)
{
    struct doctor doctor = {.findings = json_array()};

    argp_parse(&argp, argc, argv, 0, NULL, &doctor.json);
    look_for_programs(&doctor);
    look_for_engines(&doctor);
    look_for_operators(&doctor);
    look_for_models(&doctor);
    fabric_doctor(tell_device, &doctor);
    clean_up(&doctor);
    fabric_doctor_docker(tell_container, &doctor);
    fabric_doctor_kubernetes(tell_cluster, &doctor);
    if (doctor.json) {
        json_t *object = json_pack("{sbsO}", "works", !doctor.ill, "findings", doctor.findings);
        json_dumpf(object, stdout, JSON_INDENT(2));
        putchar('\n');
        json_decref(object);
    }
    json_decref(doctor.findings);
    return doctor.ill ? EX_UNAVAILABLE : EX_OK;
}

const struct command command_doctor = {"doctor", "Tell what this machine has and lacks",
                                       examine};
