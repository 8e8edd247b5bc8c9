/*
 * Under which name the daemon was asked. A page of any site can have a browser on this
 * machine send requests to a loopback address, and, where the site's name resolves to
 * that address, read the answers (DNS rebinding). So where loopback needs no token, the
 * name in `Host` has to be one that only this machine answers to.
 */
#ifndef BATON_DAEMON_HTTP_REQUEST_HOST_H
#define BATON_DAEMON_HTTP_REQUEST_HOST_H

#include <stdbool.h>

#include "daemon/http/request/http_request.h"

/* ERR_DENIED for a request without a token, over TCP in clear, under another name. */
int host_check(const struct http_request *request, struct error *error);

#endif
