/* The ledger of a run: what it put on this machine, written down before it is made, so that
 * whoever comes later can remove it: the run itself when it closes, its keeper when the
 * controller was killed, or the next run when both were.
 *
 * A ledger is a text file in file_run_folder(), "<run>" for its name, with one line per thing;
 * a name goes to the end of its line, blanks and all:
 *
 *     controller 812 49120        a process: id and start time, so that a later process with
 *     keeper 813 49121            the same id is not taken for it
 *     process 820 49177
 *     engine 1a2b3c /run/docker.sock    what has the run's label at a container engine
 *     cluster 1a2b3c default https://10.0.0.1:6443 /root/.kube/config    or in a cluster: the
 *                                 namespace, the server, and KUBECONFIG or -
 *     group /sys/fs/cgroup/cpu/brume-1a2b3c
 *     link br1a2b3c
 *     namespace brume-1a2b3c-1
 *     folder /tmp/brume-1a2b3c
 *     closed 1a2b3c               the run is over, though its controller may live; what would
 *                                 not go is left to the next start
 *
 * Happy path: ledger_open, ledger_write before each thing, ledger_undo at the end.
 * Failure modes: a thing in the ledger that is not there any more counts as removed, so undoing
 * twice, or by two at once, is harmless. A ledger with a line that its run would not have
 * written (ledger_entry.h) is not believed: nothing is removed, and it stays.
 */
#ifndef FABRIC_LEDGER_H
#define FABRIC_LEDGER_H

#include <sys/types.h>

#include "base/base.h"

struct error;

enum ledger_kind {
    LEDGER_CONTROLLER,
    LEDGER_KEEPER,
    LEDGER_PROCESS,
    LEDGER_ENGINE,
    LEDGER_CLUSTER,
    LEDGER_GROUP,
    LEDGER_LINK,
    LEDGER_NAMESPACE,
    LEDGER_FOLDER,
    LEDGER_CLOSED,
};

struct ledger {
    char run[8]; /* six hexadecimal digits: part of every name the run gives */
    char *path;
    int file;
};

/* Picks a run's name and begins its ledger with this process as the controller. */
int ledger_open(struct ledger *ledger, struct error *err);
/* Lets go of the file without undoing anything; accepts zeroed memory. */
void ledger_close(struct ledger *ledger);

/* -EINVAL for a name with a line break. Paths are absolute: who undoes works elsewhere. */
int ledger_write(struct ledger *ledger, enum ledger_kind kind, const char *name,
                 struct error *err);
int ledger_write_process(struct ledger *ledger, enum ledger_kind kind, pid_t pid,
                         struct error *err);

/* Kills and removes all that the ledger lists but controller and keeper, then the ledger.
 * Blocks until it is gone. -EBUSY when something would not go; the ledger then stays for next
 * time. -EBADMSG when it is not believed: nothing was removed. */
int ledger_undo(const char *path, struct error *err);

/* Undoes the ledgers that are closed, or whose controller and keepers are gone. Goes on past
 * one that would not go; the error is the last one's. */
int ledger_clean(unsigned *ret_runs, struct error *err);

/* Held while runs choose names and addresses, so that two starting at once differ. Blocks. The
 * result is closed with file_closep(). */
int ledger_lock(int *ret_lock, struct error *err);

#endif
