/*
 * What lies at a path: a file, what is in a folder, where a link leads.
 */
#ifndef BATON_DAEMON_HTTP_RESOURCE_PATH_H
#define BATON_DAEMON_HTTP_RESOURCE_PATH_H

#include "daemon/http/request/http_request.h"
#include "daemon/http/resource/subject.h"
#include "daemon/http/syntax/route.h"

enum MHD_Result path_answer(struct http_request *request, const struct subject *subject,
			    const struct route *route);

#endif
