/* A few operators, described and never run, and a manifest that uses them: for this folder's
 * tests and fuzz target.
 */
#ifndef GRAPH_MANIFEST_FIXTURE_H
#define GRAPH_MANIFEST_FIXTURE_H

#include "graph/manifest.h"

extern const struct manifest_catalog fixture_catalog;

/* An application with all that a manifest may say, and the files that it asks for, in `apps` of
 * the folder in which the test works. */
extern const char fixture_street[];
int fixture_write_files(void);

/* Parses it as apps/t.yaml, with the first `old` replaced by `new`. */
int fixture_parse(const char *old, const char *new, struct graph **ret_graph,
                  struct error *err);

#endif
