/* Measures operators and model segments on the device where they would run.
 *
 * The controller sends the whole application as one stage and a list of what it wants to know.
 * The operators run one after another on real frames, each in a process that does nothing else;
 * segments get what is live at their first cut. Every result is told as soon as it is there, so
 * that what was measured survives whatever happens next.
 *
 * A frame that an operator refuses is passed over, as when the application runs; only when none
 * of the first ones can be used there is nothing to measure on. A source that has no frame yet,
 * again and again, is given up after a while, and with it whoever reads it: their times are
 * estimated.
 *
 * What sinks write during a measurement goes into a folder of the run and goes with it.
 */
#ifndef STAGE_MEASURE_H
#define STAGE_MEASURE_H

#include "base/json.h"

struct error;
struct measure;
struct shell;

enum {
    MEASURE_FRAMES = 8,   /* different frames that operators are measured on */
    MEASURE_RUNS_MIN = 5, /* timed runs */
    MEASURE_RUNS_MAX = 40,
    MEASURE_ENOUGH_MS = 400,     /* of CPU time: then MIN runs are enough */
    MEASURE_PATIENCE_MS = 10000, /* that a source is waited for in all */
};

/* {"type": "measure", "deployment": {…}, "folder": …, "wants": [{"operator", "from", "to"},
 * …], "cuts": {OPERATOR: [k, …]}}: says {"type": "measure-begin", "operator", "from", "to"}
 * before each, answers {"type": "measured", "operator", "from", "to", "cpu_seconds", "memory",
 * "runs", "outputs": [bytes, …], "packings": [[cut or port, codec, part, seconds to pack and to
 * unpack a byte], …]} or, when it was given up, {"type": "unmeasured", "operator",
 * "why"} (null: for want of what it reads), and at the end {"type": "measure-done"}, or
 * {"type": "unusable", "operator", "why"}. What others read of a model is made part by part,
 * cut where `cuts` says: the device may not hold it as a whole.
 */
int measure_start(struct shell *shell, const json_t *message, struct error *err);
void measure_stop(struct measure *measure); /* accepts NULL */

#endif
