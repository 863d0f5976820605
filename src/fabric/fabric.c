#include "fabric/fabric.h"

#include <errno.h>
#include <string.h>

#include "base/base.h"
#include "base/error.h"
#include "base/text.h"
#include "fabric/docker.h"
#include "fabric/fake.h"
#include "fabric/kubernetes.h"
#include "fabric/ledger.h"
#include "fabric/local.h"

typedef int (*open_fn)(const struct fabric_config *config, struct fabric **ret_fabric,
                       struct error *err);

static const struct {
    const char *name;
    open_fn open;
} fabrics[] = {
    {"docker", docker_open},
    {"fake", fake_open},
    {"kubernetes", kubernetes_open},
    {"local", local_open},
};

int fabric_open(const char *name, const struct fabric_config *config,
                struct fabric **ret_fabric, struct error *err)
{
    static const char *const offered[] = {"docker", "kubernetes", "local"};

    for (size_t i = 0; i < sizeof(fabrics) / sizeof(*fabrics); i++) {
        if (strcmp(fabrics[i].name, name) == 0) {
            return fabrics[i].open(config, ret_fabric, err);
        }
    }
    const char *nearest = text_nearest(name, offered, sizeof(offered) / sizeof(*offered));
    return nearest != NULL
               ? error_set(err, -ENOENT, "there is no fabric '%s' (did you mean '%s'?)", name,
                           nearest)
               : error_set(err, -ENOENT,
                           "there is no fabric '%s', but local, docker and "
                           "kubernetes",
                           name);
}

void fabric_closep(struct fabric **fabric)
{
    if (*fabric != NULL) {
        (*fabric)->ops->close(*fabric);
        *fabric = NULL;
    }
}

int fabric_abandon(struct fabric *fabric, const char *stage, fabric_done_fn done, void *owner,
                   struct error *err)
{
    return fabric->ops->abandon != NULL ? fabric->ops->abandon(fabric, stage, done, owner, err)
                                        : fabric->ops->stop(fabric, stage, done, owner, err);
}

int fabric_clean(unsigned *ret_runs, struct error *err)
{
    return ledger_clean(ret_runs, err);
}
