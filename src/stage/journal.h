/* How far a sink has got, on disk: so that one that is killed and started again on the same
 * device neither repeats nor leaves out a frame. 24 bytes per sink, written after every frame;
 * they outlive the process, not the run.
 */
#ifndef STAGE_JOURNAL_H
#define STAGE_JOURNAL_H

#include <stdint.h>

struct error;
struct journal;

/* `folder` NULL: nothing is kept. Reads what an earlier life of the sink has written. */
int journal_open(const char *folder, const char *sink, struct journal **ret_journal,
                 struct error *err);
void journal_close(struct journal *journal); /* accepts NULL */

uint64_t journal_mark(const struct journal *journal);      /* all below it was taken */
uint64_t journal_delivered(const struct journal *journal); /* frames taken, in all lives */
uint64_t journal_repeated(const struct journal *journal);  /* of these, more than once */

/* Another, that was lost, had got further: it is taken up where that was. */
void journal_raise(struct journal *journal, uint64_t mark, uint64_t delivered,
                   uint64_t repeated);

/* The sink has taken (or, failing, dropped) a frame. */
int journal_note(struct journal *journal, uint64_t sequence, int delivered, struct error *err);

#endif
