#include "daemon/http/request/answer.h"

#include <string.h>

/* Seconds after which to try again. */
#define RETRY_AFTER "1"

void answer_header(struct MHD_Response *response, const char *name, const char *value)
{
	/* The library refuses values with control characters; then it is left out. */
	(void)MHD_add_response_header(response, name, value);
}

enum MHD_Result answer_queue(struct http_request *request, unsigned status,
			     struct MHD_Response *response)
{
	if (!response)
		return MHD_NO;
	answer_header(response, "X-Content-Type-Options", "nosniff");
	answer_header(response, "Referrer-Policy", "no-referrer");
	answer_header(response, "Cross-Origin-Resource-Policy", "same-origin");
	enum MHD_Result result =
		MHD_queue_response(request->connection, status, response);
	MHD_destroy_response(response);
	if (result == MHD_YES)
		request->status = status;
	return result;
}

/* Of what is in the buffer, which is empty then. */
static struct MHD_Response *json_response(struct buffer *json)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(
		json->len, json->at, MHD_RESPMEM_MUST_COPY);
	buffer_fini(json);
	if (response)
		answer_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "application/json");
	return response;
}

static enum MHD_Result answer_with(struct http_request *request, unsigned status,
				   struct buffer *json)
{
	struct MHD_Response *response = json_response(json);
	if (!response)
		return MHD_NO;
	answer_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
	if (status == MHD_HTTP_UNAUTHORIZED)
		answer_header(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE,
			      "Bearer realm=\"baton\"");
	if (status == MHD_HTTP_SERVICE_UNAVAILABLE)
		answer_header(response, MHD_HTTP_HEADER_RETRY_AFTER, RETRY_AFTER);
	return answer_queue(request, status, response);
}

enum MHD_Result answer_json(struct http_request *request, struct buffer *json)
{
	return answer_with(request, MHD_HTTP_OK, json);
}

/* ---- errors ---------------------------------------------------------------------- */

static void put_error(struct buffer *out, const char *code, int exit_status,
		      const char *sentence)
{
	struct json_writer writer;
	json_writer_init(&writer, out);
	json_writer_object_begin(&writer, NULL);
	json_writer_object_begin(&writer, "error");
	json_writer_text(&writer, "code", code);
	json_writer_signed(&writer, "exit", exit_status);
	json_writer_text(&writer, "message", sentence);
	json_writer_object_end(&writer);
	json_writer_object_end(&writer);
	json_writer_line_end(&writer);
}

/* Who has shown no token is asked for one; who has is told no. */
static unsigned denied_status(const struct http_request *request)
{
	return request->visitor->token.len > 0 ? MHD_HTTP_FORBIDDEN
					       : MHD_HTTP_UNAUTHORIZED;
}

static unsigned status_of(const struct http_request *request, int code)
{
	switch (code) {
	case ERR_USAGE:
	case ERR_IDENTITY:
	case ERR_PROTOCOL:
		return MHD_HTTP_BAD_REQUEST;
	case ERR_DENIED:
		return denied_status(request);
	case ERR_NOT_FOUND:
	case ERR_EMPTY:
		return MHD_HTTP_NOT_FOUND;
	case ERR_STALE:
	case ERR_CONFLICT:
		return MHD_HTTP_CONFLICT;
	case ERR_BUSY:
	case ERR_SHUTDOWN:
	case ERR_NO_MEMORY:
		return MHD_HTTP_SERVICE_UNAVAILABLE;
	case ERR_LIMIT:
		return MHD_HTTP_UNPROCESSABLE_CONTENT;
	case ERR_NO_ROOM:
		return MHD_HTTP_INSUFFICIENT_STORAGE;
	default:
		return MHD_HTTP_INTERNAL_SERVER_ERROR;
	}
}

enum MHD_Result answer_error(struct http_request *request, const struct error *error)
{
	request->error = *error;
	error_say_busy(&request->error);
	const struct error *told = &request->error;
	struct buffer json = {0};
	put_error(&json, error_name(told->code), error_exit_status(told->code),
		  told->text);
	return answer_with(request, status_of(request, told->code), &json);
}

enum MHD_Result answer_refusal(struct http_request *request, unsigned status,
			       const char *allow, const char *sentence)
{
	struct buffer json = {0};
	put_error(&json, "protocol", error_exit_status(ERR_PROTOCOL), sentence);
	(void)error_set(&request->error, ERR_PROTOCOL, "%s", sentence);
	struct MHD_Response *response = json_response(&json);
	if (!response)
		return MHD_NO;
	answer_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
	if (allow)
		answer_header(response, MHD_HTTP_HEADER_ALLOW, allow);
	return answer_queue(request, status, response);
}
