/* What the tests of clusters need besides a bench: a namespace of their own, and the API, asked
 * in the place of a person with kubectl. */
#ifndef FABRIC_BENCH_CLUSTER_H
#define FABRIC_BENCH_CLUSTER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/json.h"

/* Makes `bench_space`. Where the nodes have no image of this program, says so and makes none:
 * tests/fixture/kubernetes brings it. */
bool bench_make_space(void);
/* And a node that a test made under that name. */
void bench_remove_space(void);

/* `path` is behind /api/v1/; `body`, or NULL, is taken. Fails the test unless that is done. */
json_t *bench_ask(const char *method, const char *path, json_t *body);
/* The same in the namespace: "pods/street-1". NULL: there is none. */
json_t *bench_look(const char *path);
void bench_delete(const char *path);

/* How many pods and secrets are there. */
size_t bench_count(const char *kind);
/* The name of the only pod; malloc'ed. */
char *bench_pod(void);

#endif
