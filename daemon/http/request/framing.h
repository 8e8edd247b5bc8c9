/*
 * Whether it is certain where a request ends. The library takes the first of two lengths,
 * and what stands before the daemon may take the other: then what one of them reads as a
 * body is a request to the other (request smuggling, RFC 9112 §11.2). So whoever says it
 * in more than one way, or sends a body with a request that has none, is told so, and the
 * connection ends.
 */
#ifndef BATON_DAEMON_HTTP_REQUEST_FRAMING_H
#define BATON_DAEMON_HTTP_REQUEST_FRAMING_H

#include <stdbool.h>

#include "daemon/http/request/http_request.h"

/* Whether the head has no body behind it, by one word at most: `Content-Length: 0`. */
bool framing_is_bare(const struct http_request *request);

#endif
