/* Which nodes of a cluster are devices of a run. Pure. */
#ifndef FABRIC_KUBERNETES_DEVICES_H
#define FABRIC_KUBERNETES_DEVICES_H

#include "base/json.h"
#include "fabric/fabric.h"

struct error;

struct kubernetes_choice {
    const json_t *nodes, *pods; /* arrays: all there are */
    const char *space, *run;    /* whose pods' place counts as free */
};

/* In the order of their names, with numbers as numbers; to be ended with device_finish(). Not
 * chosen is a node that cannot be used now, unless pods of the run are on it; and one with next
 * to nothing left. `ret_note`, malloc'ed, says which and why; NULL: all are. -ENODEV: none is.
 */
int kubernetes_choose(const struct kubernetes_choice *choice, size_t *ret_n,
                      struct fabric_device **ret_devices, char **ret_note, struct error *err);

#endif
