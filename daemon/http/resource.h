/*
 * What a GET or HEAD of each resource gives. Answers, an error too, and returns what
 * request/answer.h's functions do.
 */
#ifndef BATON_DAEMON_HTTP_RESOURCE_H
#define BATON_DAEMON_HTTP_RESOURCE_H

#include "daemon/http/request/http_request.h"
#include "daemon/http/syntax/route.h"

/* Whether it may be read is asked before anything is looked up. */
enum MHD_Result resource_answer(struct http_request *request, const struct route *route);

#endif
