/* What is in a place: copies of it, and what libcurl is told. Not for others: they use http.h.
 */
#ifndef HTTP_PLACE_H
#define HTTP_PLACE_H

#include <curl/curl.h>

#include "http/http.h"

void http_place_copy(const struct http_place *place, struct http_place *ret_copy);
/* Of a copy. What is secret is overwritten. */
void http_place_free(struct http_place *copy);

/* All but the URL, the name and the token. `ret_detour`, which may be NULL then, must live as
 * long as the handle. */
void http_place_set(const struct http_place *place, CURL *handle,
                    struct curl_slist **ret_detour);

/* Where `path` is, malloc'ed. */
char *http_place_url(const struct http_place *place, const char *path);

#endif
