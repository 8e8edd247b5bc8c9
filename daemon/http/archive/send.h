/*
 * Sending a folder, or a whole tree, as one file (format.h).
 */
#ifndef BATON_DAEMON_HTTP_ARCHIVE_SEND_H
#define BATON_DAEMON_HTTP_ARCHIVE_SEND_H

#include "daemon/http/request/http_request.h"
#include "daemon/http/resource/subject.h"
#include "daemon/http/syntax/route.h"

/* Takes what is in the subject, which is empty then. The query's `path` is the folder;
 * without it all is meant. */
enum MHD_Result archive_send(struct http_request *request, struct subject *subject,
			     const struct route *route);

#endif
