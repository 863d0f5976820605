/* Opens and ends the local fabric: what site.h says, then the devices.
 *
 * Where devices cannot be emulated they are processes of this machine with a share of its
 * cores, and the note says why.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "fabric/device.h"
#include "fabric/local.h"
#include "fabric/testbed.h"

static int find_program(const char *given, char **ret_program, struct error *err)
{
    cleanup(memory_free) char *program = NULL;
    const char *wanted = getenv("BRUME_STAGE"); /* NOLINT(concurrency-mt-unsafe) */

    program = given != NULL    ? memory_text(given)
              : wanted != NULL ? memory_text(wanted)
                               : file_beside_program("brume-stage");
    if (program == NULL) {
        return error_set(err, -ENOPKG, "cannot tell where this program is");
    }
    if (access(program, X_OK) < 0) {
        return error_set(err, -ENOPKG, "%s: %s (BRUME_STAGE says where brume-stage is)",
                         program, strerrordesc_np(errno));
    }
    *ret_program = STEAL(program);
    return 0;
}

static int begin_again(struct local *local, struct error *err)
{
    emulation_finish(&local->emulation);
    return site_begin_again(&local->site, err);
}

/* Where this machine cannot emulate devices, they are processes of it, and the note says why;
 * where it can, but not these, that is an error: what was asked for was wrong. */
static int emulate(struct local *local, const struct testbed *testbed, struct error *err)
{
    struct error why;

    if (emulation_make(&local->site.ledger, local->site.n_devices, local->site.devices,
                       &local->emulation, &why) == 0) {
        local->emulated = true;
        site_choose_cpus(&local->site);
        site_note_limits(&local->site, testbed);
        return 0;
    }
    if (geteuid() == 0) {
        if (begin_again(local, err) < 0) {
            return err->code;
        }
        if (emulation_try(&local->site.ledger)) {
            return error_set(err, -EINVAL, "the devices cannot be emulated as they are: %s",
                             why.text);
        }
    }
    site_note(&local->site,
              memory_format("devices are not emulated, they are processes of this machine: "
                            "%s",
                            why.text));
    return begin_again(local, err);
}

static int fill(struct local *local, const struct fabric_config *config, struct error *err)
{
    const struct testbed *testbed = config->testbed;

    if (find_program(config->stage_program, &local->program, err) < 0 ||
        site_open(&local->site, config->loop, testbed, err) < 0) {
        return err->code;
    }
    local->past_cpu_ns = memory_new(local->site.n_devices, sizeof(*local->past_cpu_ns));
    local->memory_kills = memory_new(local->site.n_devices, sizeof(*local->memory_kills));
    if (testbed != NULL && !testbed->plain && emulate(local, testbed, err) < 0) {
        return err->code;
    }
    if (!local->emulated) {
        site_make_plain(&local->site, "127.0.0.1");
    }
    return 0;
}

int local_open(const struct fabric_config *config, struct fabric **ret_fabric,
               struct error *err)
{
    struct local *local = memory_new(1, sizeof(*local));

    local->fabric.ops = &local_ops;
    local->events = config->events;
    local->later = later_create(config->loop);
    local->emulation.network.counters = -1;
    if (fill(local, config, err) < 0) {
        local_destroy(local);
        return err->code;
    }
    *ret_fabric = &local->fabric;
    return 0;
}

void local_destroy(struct local *local)
{
    emulation_finish(&local->emulation);
    site_finish(&local->site);
    later_destroy(local->later);
    memory_free(&local->past_cpu_ns);
    memory_free(&local->memory_kills);
    memory_free(&local->program);
    free(local);
}
