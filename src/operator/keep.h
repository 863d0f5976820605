/* The memory of a stateful operator as bytes, and back: save() and restore() share it.
 *
 * Numbers are little-endian, doubles as their bits, texts with their zero. What is read back is
 * not believed: a reader that came past the end, or over a limit, is torn and gives zeros from
 * then on; kept_end() makes the sentence, so that nobody need ask in between. A loop over a
 * count ends early when it asks kept_count(), which no count of a torn file gets past.
 */
#ifndef OPERATOR_KEEP_H
#define OPERATOR_KEEP_H

#include <brume/operator.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct keep {
    char *bytes;
    size_t size, room;
};

/* Begins with who it is and how it is set: restoring into another operator is refused. */
void keep_begin(struct brume_call *call, struct keep *keep, const struct brume_param *params);
void keep_u64(struct keep *keep, uint64_t number);
void keep_f64(struct keep *keep, double number);
void keep_text(struct keep *keep, const char *text);
/* Hands all over to brume_save() and frees it. */
void keep_end(struct brume_call *call, struct keep *keep);

struct kept {
    const char *at;
    size_t left;
    bool torn;
};

void kept_begin(struct brume_call *call, struct kept *kept, const struct brume_param *params);
uint64_t kept_u64(struct kept *kept, uint64_t most);
/* How many things follow, of which each takes at least `size` bytes. */
size_t kept_count(struct kept *kept, uint64_t most, size_t size);
double kept_f64(struct kept *kept);
const char *kept_text(struct kept *kept); /* borrowed; "" when torn */
/* 0, or brume_fail() when it was torn or something is left. */
int kept_end(struct brume_call *call, const struct kept *kept);

#endif
