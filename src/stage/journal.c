#include "stage/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/memory.h"

/* Read back only by the program that wrote it, on the same machine. */
struct record {
    uint64_t mark, delivered, repeated;
};

struct journal {
    int fd; /* -1: nothing is kept */
    char *path;
    struct record record;
};

int journal_open(const char *folder, const char *sink, struct journal **ret_journal,
                 struct error *err)
{
    struct journal *journal = memory_new(1, sizeof(*journal));

    journal->fd = -1;
    if (folder != NULL) {
        journal->path = memory_format("%s/%s.mark", folder, sink);
        journal->fd = open(journal->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (journal->fd < 0) {
            int code = -errno;
            error_set(err, code, "%s: %s", journal->path, strerrordesc_np(-code));
            journal_close(journal);
            return code;
        }
        struct record record;
        if (pread(journal->fd, &record, sizeof(record), 0) == sizeof(record)) {
            journal->record = record;
        }
    }
    *ret_journal = journal;
    return 0;
}

void journal_close(struct journal *journal)
{
    if (journal != NULL) {
        if (journal->fd >= 0) {
            close(journal->fd);
        }
        free(journal->path);
        free(journal);
    }
}

uint64_t journal_mark(const struct journal *journal)
{
    return journal->record.mark;
}

uint64_t journal_delivered(const struct journal *journal)
{
    return journal->record.delivered;
}

uint64_t journal_repeated(const struct journal *journal)
{
    return journal->record.repeated;
}

void journal_raise(struct journal *journal, uint64_t mark, uint64_t delivered,
                   uint64_t repeated)
{
    if (mark > journal->record.mark) {
        journal->record =
            (struct record){.mark = mark, .delivered = delivered, .repeated = repeated};
    }
}

int journal_note(struct journal *journal, uint64_t sequence, int delivered, struct error *err)
{
    struct record record = journal->record;

    record.delivered += delivered != 0;
    record.repeated += sequence < record.mark;
    record.mark = sequence >= record.mark ? sequence + 1 : record.mark;
    ssize_t n = journal->fd < 0 ? (ssize_t)sizeof(record)
                                : pwrite(journal->fd, &record, sizeof(record), 0);
    if (n != (ssize_t)sizeof(record)) {
        int code = n < 0 ? errno : ENOSPC;
        return error_set(err, -code, "%s: cannot be written: %s", journal->path,
                         strerrordesc_np(code));
    }
    journal->record = record; /* what is not kept was not taken */
    return 0;
}
