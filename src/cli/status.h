/* The status of applications, as the controller tells it (docs/rest.yaml), for people. */
#ifndef CLI_STATUS_H
#define CLI_STATUS_H

#include <stdbool.h>

#include "base/json.h"

enum status_form { STATUS_TABLE, STATUS_WIDE, STATUS_JSON, STATUS_YAML };

/* -EINVAL for what is none. */
int status_parse_form(const char *text, enum status_form *ret_form);

/* Prints a list of them; `head`: with the names of the columns. `single`: the one of them, not
 * a list, where that makes a difference. */
void status_print(const json_t *items, enum status_form form, bool head, bool single);

/* Everything about one. */
void status_describe(const json_t *status);

/* One line per stage and device: what `brume top` shows. */
void status_print_load(const json_t *items);

#endif
