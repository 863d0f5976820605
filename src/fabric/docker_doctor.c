/* What this machine has for stages in containers: facts for `brume doctor`. Nothing of it is
 * needed but by who wants containers. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/memory.h"
#include "fabric/docker_engine.h"
#include "fabric/fabric.h"
#include "fabric/images.h"
#include "graph/image.h"

typedef void (*tell_fn)(void *owner, const struct fabric_fact *fact);

static void tell_driver(const struct docker_engine *engine, tell_fn tell, void *owner)
{
    bool direct = engine->driver != NULL && strcmp(engine->driver, "cgroupfs") == 0;
    const struct fabric_fact fact = {
        .name = "control groups of containers",
        .there = direct,
        .what = direct ? "cgroupfs: devices can be emulated"
                       : "left to systemd: devices are not emulated in containers",
        .mend = "\"exec-opts\": [\"native.cgroupdriver=cgroupfs\"] in /etc/docker/daemon.json; "
                "systemctl restart docker",
    };

    tell(owner, &fact);
}

static bool has_image(const struct docker_engine *engine, const char *image)
{
    cleanup(memory_free) char *path = memory_format("/images/%s/json", image);
    struct error ignored;

    return docker_engine_ask(engine, "GET", path, NULL, NULL, &ignored) == 0;
}

static void tell_images(const struct docker_engine *engine, tell_fn tell, void *owner)
{
    cleanup(memory_free) char *first = NULL;
    const struct image *image;
    size_t n = 0, n_there = 0;

    for (; (image = image_at(n)) != NULL; n++) {
        cleanup(memory_free) char *name = images_name(image->name);
        bool there = has_image(engine, name);

        n_there += there;
        first = first == NULL && !there ? STEAL(name) : first;
    }
    cleanup(memory_free) char *what =
        first == NULL ? memory_format("all %zu of brume " BRUME_VERSION, n)
                      : memory_format("%zu of %zu; %s is missing", n_there, n, first);
    cleanup(memory_free) char *pull = memory_format("docker pull %s, …", first);
    const struct fabric_fact fact = {
        .name = "images",
        .there = first == NULL,
        .what = what,
        .mend = images_have_registry() ? pull : "make images",
    };

    tell(owner, &fact);
}

void fabric_doctor_docker(void (*tell)(void *owner, const struct fabric_fact *fact),
                          void *owner)
{
    cleanup(docker_engine_finish) struct docker_engine engine = {0};
    cleanup(memory_free) char *what = NULL;
    struct error err = {0};
    bool there = docker_engine_find(&engine, &err) == 0 &&
                 docker_engine_greet(&engine, &err) == 0 &&
                 docker_engine_inquire(&engine, &err) == 0;

    /* What mends it is told apart. */
    char *mend = there ? NULL : strstr(err.text, docker_engine_mend(err.code));
    if (mend != NULL && mend - err.text > 2) {
        mend[-2] = '\0';
    }
    if (there) {
        what = memory_format("%s at %s%s", engine.version != NULL ? engine.version : "one",
                             engine.socket,
                             engine.rootless ? ", rootless: devices are not emulated" : "");
    }
    const struct fabric_fact fact = {
        .name = "container engine",
        .there = there,
        .what = there ? what : err.text,
        .mend = docker_engine_mend(err.code),
    };

    tell(owner, &fact);
    if (there) {
        tell_driver(&engine, tell, owner);
        tell_images(&engine, tell, owner);
    }
}
