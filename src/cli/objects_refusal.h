/* What an API server that refused means for who asked about applications: a sentence, and an
 * exit code as in sysexits. Pure. */
#ifndef CLI_OBJECTS_REFUSAL_H
#define CLI_OBJECTS_REFUSAL_H

#include "base/json.h"

struct error;

struct objects_refusal {
    int status;               /* of HTTP; 0: there was no answer */
    const json_t *json;       /* a Status of the API; or NULL */
    const struct error *err;  /* as kube_ask() has it */
    const char *space, *name; /* whom the question was about; NULL: all, or nobody */
    const char *file;         /* of the manifest that was given; or NULL */
    const char *server;       /* that was asked; or NULL */
};

/* The sentence, malloc'ed. */
char *objects_refusal_explain(const struct objects_refusal *refusal, int *ret_code);

#endif
