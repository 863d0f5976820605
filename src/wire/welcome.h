/* What a receiver says of a channel when a sender comes (again): how far everything is done,
 * where the channel ends if that is known, how many frames it grants, and which frames it has
 * already, so that the sender sends the rest.
 *
 * On the wire a MESSAGE_WELCOME: header.done, header.sequence is the end (MESSAGE_MARK_ALL: not
 * known), and the payload u32 credit, u32 count, then `count` times u64 first, u64 n.
 */
#ifndef WIRE_WELCOME_H
#define WIRE_WELCOME_H

#include <stddef.h>
#include <stdint.h>

struct error;

enum { WELCOME_RANGES_MAX = 4096 };

struct welcome_range {
    uint64_t first, n;
};

struct welcome {
    uint64_t done;
    uint64_t end;
    uint32_t credit;
    uint32_t n_ranges;
    struct welcome_range *ranges; /* rising, not touching; malloc'ed */
};

/* Adds a sequence number behind the last one. Past WELCOME_RANGES_MAX it is left out: what a
 * sender is not told of, it sends again. */
void welcome_add(struct welcome *welcome, uint64_t sequence);
int welcome_has(const struct welcome *welcome, uint64_t sequence);
void welcome_finish(struct welcome *welcome);

size_t welcome_payload_size(const struct welcome *welcome);
void welcome_encode(const struct welcome *welcome, uint8_t *payload);
/* Fills credit and ranges. */
int welcome_decode(const uint8_t *payload, size_t size, struct welcome *ret_welcome,
                   struct error *err);

#endif
