#include "daemon/http/request/http_request.h"

#include <string.h>

#include "daemon/http/syntax/percent.h"
#include "proto/bounds.h"

/* A decoded frame, a piece of the manifest, a block that is sent. */
#define SENDING_LEN (FRAME_RAW_MAX + UNIT_LEN_MAX + 128u * 1024u)

struct text http_request_query(struct http_request *request, const char *name,
			       bool *ret_bad)
{
	const char *value = NULL;
	size_t len = 0;
	if (MHD_lookup_connection_value_n(request->connection, MHD_GET_ARGUMENT_KIND,
					  name, strlen(name), &value, &len) != MHD_YES ||
	    !value)
		return text_of(NULL);
	char *decoded = percent_decode(&request->arena, value, len, &len);
	*ret_bad = *ret_bad || !decoded;
	return (struct text){decoded, decoded ? len : 0};
}

struct text http_request_header(const struct http_request *request, const char *name)
{
	const char *value = NULL;
	size_t len = 0;
	if (MHD_lookup_connection_value_n(request->connection, MHD_HEADER_KIND, name,
					  strlen(name), &value, &len) != MHD_YES)
		return text_of(NULL);
	return (struct text){value, len};
}

bool http_request_is_head(const struct http_request *request)
{
	return strcmp(request->method, MHD_HTTP_METHOD_HEAD) == 0;
}

int http_request_take_memory(const struct http_request *request,
			     struct budget_share *ret_share, struct error *error)
{
	/* Does not wait: other connections are served by this thread. */
	const struct budget_wish wish = {
		.cost = SENDING_LEN,
		.wake_fd = -1,
		.peer_fd = -1,
	};
	return budget_take(request->sending, &wish, ret_share, error);
}

int http_request_may_read(struct http_request *request, struct text namespace,
			  struct text workflow, struct error *error)
{
	const struct access_question question = {
		.verb = VERB_READ,
		.namespace = namespace,
		.workflow = workflow,
		.any_job = true,
	};
	request->namespace = namespace;
	return principal_check(request->visitor->principal, &question, error);
}
