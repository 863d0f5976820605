/* Files that stages on other machines need, and that are here: what a stage may have is listed
 * when it is started, and it is given no other.
 *
 * Happy path: carry_offer() when a stage is started; carry_list() goes with what it is asked to
 * do; carry_answer() for each {"type": "fetch", "path", "offset"} that it says.
 */
#ifndef CONTROLLER_CARRY_H
#define CONTROLLER_CARRY_H

#include <stddef.h>
#include <stdint.h>

#include "base/json.h"
#include "wire/message.h"

struct carry;
struct error;
struct fabric_mount;

enum { CARRY_FILES_MAX = 4096 }; /* of one stage */

struct carry *carry_create(void);
void carry_destroy(struct carry *carry); /* accepts NULL */

/* Lists what the stage reads: files, and all that is in folders. Replaces what was listed for
 * it. -ENOENT, -E2BIG, each with a sentence. */
int carry_offer(struct carry *carry, const char *stage, size_t n_mounts,
                const struct fabric_mount *mounts, struct error *err);
/* [{"path", "size"}, …], the paths as they are there (needs_remote_path()); a new reference;
 * empty for a stage that was offered nothing. */
json_t *carry_list(const struct carry *carry, const char *stage);

struct carry_piece {
    uint64_t offset;
    size_t size; /* above zero */
    char bytes[MESSAGE_PIECE_MAX];
};
/* The piece that `message` asks for. -ENOENT: the stage was not offered it, or nothing is
 * there; -EIO and others. */
int carry_answer(const struct carry *carry, const char *stage, const json_t *message,
                 struct carry_piece *ret_piece, struct error *err);

#endif
