/* One request as libcurl knows it. Not for others: they use http.h. */
#ifndef HTTP_TRANSFER_H
#define HTTP_TRANSFER_H

#include <curl/curl.h>
#include <stdbool.h>

#include "http/http.h"

struct http_transfer {
    CURL *handle;
    struct curl_slist *headers, *detour;
    char *name; /* of the server */
    void *body; /* that is sent */
    size_t body_size;
    bool streams;
    bool came;      /* something of the answer, since whoever looks last looked */
    bool begun;     /* the head is here, and it is no error */
    bool too_large; /* the answer, or a line of it */
    size_t most;
    char *text; /* what was received, or what of a stream was not yet taken */
    size_t size;
    char why[CURL_ERROR_SIZE]; /* it failed, in libcurl's words */
};

/* `streams`: what comes is taken away in lines. */
void http_transfer_init(struct http_transfer *transfer, const struct http_place *place,
                        const struct http_request *request, bool streams);
void http_transfer_finish(struct http_transfer *transfer);

/* How it ended, from what libcurl says. */
int http_transfer_judge(struct http_transfer *transfer, CURLcode code,
                        struct http_answer *ret_answer, struct error *err);

/* The next complete line without its end, malloc'ed; NULL: there is none. */
char *http_transfer_take_line(struct http_transfer *transfer);

#endif
