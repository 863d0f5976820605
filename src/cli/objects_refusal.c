#include "cli/objects_refusal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"
#include "cli/cell.h"

#define INSTALL                                                                         \
    "the cluster does not know applications: install brume first, with `kubectl apply " \
    "-k deploy/kubernetes/base`"

enum {
    BAD_REQUEST = 400,
    UNAUTHORIZED = 401,
    NOT_FOUND = 404,
    CONFLICT = 409,
    UNPROCESSABLE = 422
};

/* The sentence of the server, in one line. */
static char *message_of(const struct objects_refusal *refusal)
{
    const char *message = cell_text(refusal->json, "message");
    char *text = memory_text(*message != '\0' ? message : refusal->err->text);

    text_make_printable(text);
    return text;
}

/* "a: Required value; b: Unsupported value: …": the causes, each with its field. */
static char *list_causes(const json_t *json)
{
    const json_t *causes = json_object_get(json_object_get(json, "details"), "causes");
    const json_t *cause;
    char *list = NULL;
    size_t size = 0, i;
    FILE *out = json_array_size(causes) > 0 ? open_memstream(&list, &size) : NULL;

    if (out == NULL) {
        return NULL;
    }
    json_array_foreach(causes, i, cause)
    {
        fprintf(out, "%s%s: %s", i > 0 ? "; " : "", cell_text(cause, "field"),
                cell_text(cause, "message"));
    }
    fclose(out);
    text_make_printable(list);
    return list;
}

static char *explain_bad(const struct objects_refusal *refusal)
{
    cleanup(memory_free) char *causes = list_causes(refusal->json);
    cleanup(memory_free) char *message = message_of(refusal);

    return memory_format("%s%s%s", refusal->file != NULL ? refusal->file : "",
                         refusal->file != NULL ? ": the API server refuses it: " : "",
                         causes != NULL ? causes : message);
}

static char *explain_missing(const struct objects_refusal *refusal, int *ret_code)
{
    const json_t *details = json_object_get(refusal->json, "details");

    if (strcmp(cell_text(details, "kind"), "namespaces") == 0) {
        *ret_code = EX_NOINPUT;
        return memory_format("there is no namespace '%s'", cell_text(details, "name"));
    }
    if (refusal->name != NULL && strcmp(cell_text(details, "name"), refusal->name) == 0) {
        *ret_code = EX_NOINPUT;
        return memory_format("there is no application '%s' in the namespace '%s'",
                             refusal->name, refusal->space);
    }
    *ret_code = EX_UNAVAILABLE;
    return memory_text(INSTALL);
}

char *objects_refusal_explain(const struct objects_refusal *refusal, int *ret_code)
{
    if (refusal->status == NOT_FOUND) {
        return explain_missing(refusal, ret_code);
    }
    if (refusal->status == UNPROCESSABLE || refusal->status == BAD_REQUEST) {
        *ret_code = EX_DATAERR;
        return explain_bad(refusal);
    }
    if (refusal->err->code == -EACCES) {
        cleanup(memory_free) char *message = message_of(refusal);
        *ret_code = EX_NOPERM;
        return refusal->status == UNAUTHORIZED
                   ? memory_format("the API server does not believe who you are: %s", message)
                   : STEAL(message);
    }
    *ret_code = EX_UNAVAILABLE;
    if (refusal->status == 0 && refusal->server != NULL) {
        return memory_format("%s (%s)", refusal->err->text, refusal->server);
    }
    return refusal->status == CONFLICT && refusal->name != NULL
               ? memory_format("others change the application '%s' all the time", refusal->name)
               : memory_text(refusal->err->text);
}
