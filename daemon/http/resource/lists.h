/*
 * What there is: namespaces, and the workflows of one, page by page.
 */
#ifndef BATON_DAEMON_HTTP_RESOURCE_LISTS_H
#define BATON_DAEMON_HTTP_RESOURCE_LISTS_H

#include "daemon/http/request/http_request.h"
#include "daemon/store/catalogue/catalogue.h"

/* {"namespaces": [{"name", "created"}], "next"}: those that the asker has a grant for. */
enum MHD_Result lists_namespaces(struct http_request *request);
/* {"workflows": [{"workflow", "parent", …}], "next"}, the newest first. */
enum MHD_Result lists_workflows(struct http_request *request, const struct scope *scope);

#endif
