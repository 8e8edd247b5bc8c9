/*
 * The description of the HTTP interface, as it is served: openapi.json.
 */
#ifndef BATON_DAEMON_HTTP_OPENAPI_H
#define BATON_DAEMON_HTTP_OPENAPI_H

static const char openapi_json[] =
#include "daemon/http/openapi_json.h"
	;

#endif
