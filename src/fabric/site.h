/* What a run has on this machine whatever its stages are made of: a ledger and the keeper that
 * undoes it, a folder, and a description of the devices.
 *
 * Happy path: site_open, then the fabric makes what it needs, entering it in the ledger first;
 * site_finish undoes all that. A fabric that tried something in vain calls site_begin_again,
 * for a clean ledger.
 */
#ifndef FABRIC_SITE_H
#define FABRIC_SITE_H

#include "fabric/fabric.h"
#include "fabric/ledger.h"

/* How the note begins when something of a dead run cannot be removed. */
#define SITE_LEFT "an earlier run left something: "

struct site_guard; /* the keeper and the handle that watches it */

struct site {
    struct uv_loop_s *loop;
    struct ledger ledger;
    struct site_guard *guard;
    char *folder; /* of the run */
    char *note;
    size_t n_devices;
    struct fabric_device *devices;
    int *cpus; /* by device: the one CPU that plays it, or -1; NULL until they are chosen */
};

/* Removes what dead runs left, begins a ledger, starts its keeper, makes the folder, and copies
 * the devices of `testbed` (NULL: one, this machine). What cannot be removed is noted. After a
 * failure site_finish() is called as well. */
int site_open(struct site *site, struct uv_loop_s *loop, const struct testbed *testbed,
              struct error *err);

/* Undoes the ledger and begins another. */
int site_begin_again(struct site *site, struct error *err);

/* Undoes the ledger and frees; what would not go is left to the keeper, then to the next start.
 * Accepts zeroed memory. */
void site_finish(struct site *site);

/* Takes `note`, and puts it behind those that are there. */
void site_note(struct site *site, char *note);

/* -ENOENT when there is none of that name. */
int site_find_device(const struct site *site, const char *name, size_t *ret_index,
                     struct error *err);

/* Makes the devices what nothing limits: fair shares of this machine, at `address`. */
void site_make_plain(struct site *site, const char *address);

/* Deals the devices out to this machine's CPUs. */
void site_choose_cpus(struct site *site);

/* Notes what is emulated, but not quite as asked. */
void site_note_limits(struct site *site, const struct testbed *testbed);

#endif
