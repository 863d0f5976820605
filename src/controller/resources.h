/* Application objects of a cluster, each a tenant of a server: watched, run, told about.
 *
 * course.h decides what is next, resource_manifest.h makes requests of objects, resource.h
 * makes statuses and events; here they are asked and carried out. The server is inside.
 *
 * Happy path: resources_open; objects come, sessions start, statuses are written;
 * resources_leave; the loop runs out; resources_destroy. Failure modes: the API server is away,
 * or refuses: what runs goes on, it is logged, and asked again, later and later.
 */
#ifndef CONTROLLER_RESOURCES_H
#define CONTROLLER_RESOURCES_H

#include <stdint.h>
#include <uv.h>

#include "base/json.h"

struct cluster;
struct kube_api;
struct profiles;
struct resources;

struct resources_setup {
    uv_loop_t *loop;
    struct kube_api *api;
    struct cluster *cluster;   /* complete */
    struct profiles *profiles; /* loaded */
    const char *space;         /* NULL: all namespaces */
    const char *files;         /* where the files are that manifests name */
};

/* All that is in `setup` must outlive it. */
struct resources *resources_open(const struct resources_setup *setup);
/* Ends, and leaves the stages to who comes next. */
void resources_leave(struct resources *resources);
void resources_destroy(struct resources *resources); /* then; accepts NULL */

/* Why it cannot do its work now, borrowed until the loop turns; NULL: it can. */
const char *resources_trouble(const struct resources *resources);
/* As in metrics.h. */
json_t *resources_list(const struct resources *resources);
void resources_count(const struct resources *resources, uint64_t *ret_writes,
                     uint64_t *ret_failures);

#endif
