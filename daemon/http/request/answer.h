/*
 * Answers: the heads that every answer has, JSON documents, and errors as JSON documents.
 * Each gives the library's MHD_YES once an answer is queued, else MHD_NO, which ends the
 * connection.
 */
#ifndef BATON_DAEMON_HTTP_REQUEST_ANSWER_H
#define BATON_DAEMON_HTTP_REQUEST_ANSWER_H

#include "daemon/http/request/http_request.h"
#include "proto/base/bytes.h"
#include "proto/base/json_writer.h"

/* Queues a response with what all have (nosniff, no referrer, no cross-origin reader) and
 * gives it up. NULL: there was no memory. */
enum MHD_Result answer_queue(struct http_request *request, unsigned status,
			     struct MHD_Response *response);

/* One JSON document, whole. */
enum MHD_Result answer_json(struct http_request *request, struct buffer *json);

/* {"error": {"code", "exit", "message"}} under the status that the code has in HTTP. */
enum MHD_Result answer_error(struct http_request *request, const struct error *error);
/* The same for what HTTP alone knows, after which the connection ends; allow: for 405,
 * else NULL. */
enum MHD_Result answer_refusal(struct http_request *request, unsigned status,
			       const char *allow, const char *sentence);

/* A header whose value may have any byte: what is none of a header's is left out. */
void answer_header(struct MHD_Response *response, const char *name, const char *value);

#endif
