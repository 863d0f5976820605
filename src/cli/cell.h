/* What stands in a cell of a table: of JSON in which a value may be missing. */
#ifndef CLI_CELL_H
#define CLI_CELL_H

#include <stdint.h>

#include "base/json.h"

enum { CELL_TEXT = 32 };

/* "" where there is none. */
const char *cell_text(const json_t *json, const char *key);
/* The number times `scale`; "-" where there is none. */
const char *cell_number(const json_t *json, const char *key, double scale, int decimals,
                        char ret_text[static CELL_TEXT]);
/* "42s", "7m", "3h", "9d", as kubectl has it. */
const char *cell_age(const json_t *json, const char *key, char ret_text[static CELL_TEXT]);
/* "camera, picture, fit": texts of a list, as many as there is room for. */
const char *cell_list(const json_t *list, char *ret_text, size_t room);

#endif
