/* An operator's table for a program and for a terminal (operator/reference.h has Markdown). */
#ifndef CLI_OPERATORS_SHOW_H
#define CLI_OPERATORS_SHOW_H

#include <brume/operator.h>
#include <stdio.h>

#include "base/json.h"

/* {"name", "summary", "stateful", "inputs": [{"name", "kind", "help"}], "outputs": [as inputs],
 *  "parameters": [{"name", "kind", "required", "default", "choices", "least", "most",
 *  "help"}]}; "default", "choices", "least" and "most" only where there are such. */
json_t *operators_json(const struct brume_operator *type);

/* Summary, ports and parameters. */
void operators_text(const struct brume_operator *type, FILE *out);

#endif
