/* What a ledger says, and whether it may be believed: undoing one ends processes and removes
 * folders, as root, so that a ledger which is not exactly what this program writes counts for
 * nothing at all.
 *
 * Every name must be one that the run of the ledger gives (ledger.h has the forms); paths must
 * be absolute. Pure: the text of a ledger in, its entries out.
 */
#ifndef FABRIC_LEDGER_ENTRY_H
#define FABRIC_LEDGER_ENTRY_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "fabric/ledger.h"

struct error;

struct ledger_entry {
    enum ledger_kind kind;
    const char *name; /* to the end of its line, blanks and all */
    pid_t pid;        /* of a process, with its start time */
    uint64_t started;
};

/* The word that a line of this kind begins with. */
const char *ledger_word(enum ledger_kind kind);

/* Splits the text of a ledger, in place; the entries, malloc'ed, point into it. A last line
 * that a crash cut short is nobody's: its thing was not made yet. -EBADMSG with the line's
 * number when any other is not one that the run called `run` writes. */
int ledger_parse(char *text, size_t size, const char *run, struct ledger_entry **ret_entries,
                 size_t *ret_n, struct error *err);

#endif
