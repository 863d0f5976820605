/* JSON is jansson; this is the one place that includes it. The readers below take what came
 * from a peer or a file: they check presence, type and range, and say where it was wrong.
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <jansson.h>
#include <stdint.h>

#include "base/base.h"

struct error;

/* A text that may come from anywhere, as one line: what cannot be printed is replaced, for
 * jansson would have none of it. */
json_t *json_line(const char *text);

/* `where` begins the sentence: "operators[3]: 'name' must be a text". All return 0 or -EINVAL;
 * results are borrowed from `object`. */
int json_read_text(const json_t *object, const char *where, const char *key,
                   const char **ret_text, struct error *err);
/* A whole number from 0 to `most`. */
int json_read_count(const json_t *object, const char *where, const char *key, uint64_t most,
                    uint64_t *ret_count, struct error *err);
/* At most `most` elements, each of them an object. */
int json_read_objects(const json_t *object, const char *where, const char *key, size_t most,
                      json_t **ret_array, struct error *err);

#endif
