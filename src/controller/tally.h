/* Adds up what the stages report: progress while it runs, and the final report. Pure.
 *
 * Counts of a stage begin anew when it is started again; the tally carries over what its
 * earlier lives reported last. How many frames a sink delivered comes from its journal, which
 * outlives the stage: that count is whole. The rate is that of the sink that delivered least,
 * between the end of the warm-up (three windows of frames) and the moment the sources were told
 * to stop, or the last frame; of a run that was not warm, between the first frames that were
 * heard of and the last. Where there is nothing to divide, by no time or of a single
 * frame, it is null.
 *
 * A frame that an operator refuses goes on empty: it is delivered, but nothing is in it. How
 * many there were is told by operator of the manifest, with the operator's sentence about the
 * first.
 */
#ifndef CONTROLLER_TALLY_H
#define CONTROLLER_TALLY_H

#include "base/json.h"
#include "graph/deployment.h"

struct tally;

/* The deployment is borrowed and must outlive the tally. */
struct tally *tally_create(const struct deployment *deployment);
void tally_destroy(struct tally *tally); /* accepts NULL */

/* A report of a stage; malformed parts count as zero. */
void tally_report(struct tally *tally, const char *stage, const json_t *report);
/* A stage has run an operator for the first time in its life, that long after it was asked for.
 */
void tally_works(struct tally *tally, const char *stage, uint64_t after_ms);
/* The stage was ended, to be started again: what it reported last is kept. */
void tally_ended(struct tally *tally, const char *stage);
/* The stage is gone: the same, and a failure is noted. */
void tally_gone(struct tally *tally, const char *stage, const char *how, double seconds);
/* A stage that is back works again. */
void tally_back(struct tally *tally, const char *stage, double seconds);
/* How far the sinks have got, as they told last: {name: {"mark", "delivered", "repeated"}}. */
json_t *tally_marks(const struct tally *tally);
/* The sources were told to stop. */
void tally_draining(struct tally *tally);

/* What runs where: [{"name", "device", "operators", "cut": [from, to]}, …]; `cut` only where
 * part of a network runs. */
json_t *tally_stages(const struct tally *tally);
/* {"delivered", "rate", "latency_ms": {"p50", "p90"} or null, "stages": [as above, with
 * "queue", "rate" and "busy", …]}; the rates are those since the last call. */
json_t *tally_progress(struct tally *tally, double seconds);

/* A sentence for the user, malloc'ed, when an operator has refused its first frame, and again
 * with every thousandth; NULL: there is nothing to say. */
char *tally_warning(struct tally *tally);
/* How many frames operators have refused in all. */
uint64_t tally_refused(const struct tally *tally);

/* The final report but for `predicted`, which whoever holds the plan adds. `predicted_busy` has
 * an entry per stage of the deployment: the part of its device's CPU that the plan foresaw. */
json_t *tally_final(const struct tally *tally, double seconds, const double *predicted_busy);

#endif
