/* Files that a stage has to have before it can work, and which the controller has: fetched
 * piece by piece over the control link, to where they lie at the controller. Only below one
 * folder; a file appears under its name when it is complete. One of the same size that is there
 * already is not fetched again.
 *
 * Happy path: fetch_begin; it says {"type": "fetch", "path", "offset"}; the controller answers
 * with a MESSAGE_FILE, whose sequence is the offset and whose payload are the bytes from there
 * on; when all are there, `complete`.
 * Failure modes: a path outside of the folder, a disk without room, a file that the controller
 * has not or that is shorter than it said: an error, and the stage fails. A link that breaks:
 * fetch_again asks for the same piece.
 */
#ifndef STAGE_FETCH_H
#define STAGE_FETCH_H

#include <stddef.h>
#include <stdint.h>

#include "base/json.h"

struct error;
struct fetch;

struct fetch_events {
    void (*say)(void *owner, json_t *message); /* takes `message` */
    void (*complete)(void *owner);             /* may end the fetch */
    void *owner;
};

/* `files`: [{"path", "size"}, …]; `folder`: absolute. Copies `events`. Calls complete() from
 * inside when nothing is missing: then *ret_fetch is NULL. */
int fetch_begin(const json_t *files, const char *folder, const struct fetch_events *events,
                struct fetch **ret_fetch, struct error *err);
void fetch_end(struct fetch *fetch); /* accepts NULL; a file that is not complete goes */

/* After the next hello. */
void fetch_again(struct fetch *fetch);
/* Bytes that have come so far. */
uint64_t fetch_bytes(const struct fetch *fetch);
/* The bytes at `offset` of the file that was asked for. */
int fetch_take(struct fetch *fetch, uint64_t offset, const void *bytes, size_t size,
               struct error *err);

#endif
