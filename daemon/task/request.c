#include "daemon/task/request.h"

#include <stdlib.h>

#include "proto/base/bytes.h"

static void *request_body(struct request *request)
{
	switch (request->type) {
	case MSG_PERSIST:
		return &request->persist;
	case MSG_ATTACH:
		return &request->attach;
	case MSG_LOG:
		return &request->log;
	case MSG_STATUS:
	case MSG_METRICS:
		return &request->status;
	case MSG_BACKUP:
		return &request->backup;
	default:
		return NULL;
	}
}

int request_decode(uint16_t type, uint8_t *payload, uint32_t len,
		   struct request **ret_request, struct error *error)
{
	struct request *request = must_calloc(1, sizeof(*request));
	request->type = type;
	request->payload = payload;
	void *body = request_body(request);
	int err = body ? message_decode(&request->memory, type, payload, len, body, error)
		       : error_set(error, ERR_PROTOCOL,
				   "%s does not begin a request, as PERSIST, ATTACH, LOG "
				   "and STATUS do",
				   message_type_name(type));
	if (err) {
		request_free(request);
		return err;
	}
	*ret_request = request;
	return 0;
}

void request_free(struct request *request)
{
	if (!request)
		return;
	message_memory_fini(&request->memory);
	free(request->payload);
	free(request);
}

const struct msg_identity *request_identity(const struct request *request)
{
	switch (request->type) {
	case MSG_PERSIST:
		return &request->persist.identity;
	case MSG_ATTACH:
		return &request->attach.identity;
	case MSG_LOG:
		return &request->log.identity;
	default:
		return NULL;
	}
}

struct text request_namespace(const struct request *request)
{
	const struct msg_identity *identity = request_identity(request);
	return identity && identity->namespace.len ? identity->namespace
						   : text_of("default");
}

struct text request_from_workflow(const struct request *request)
{
	switch (request->type) {
	case MSG_ATTACH:
		return request->attach.from_workflow;
	case MSG_LOG:
		return request->log.from_workflow;
	default:
		return text_of(NULL);
	}
}

struct text request_layer(const struct request *request)
{
	return request->type == MSG_ATTACH ? request->attach.layer : text_of(NULL);
}

const char *request_verb(const struct request *request)
{
	switch (request->type) {
	case MSG_PERSIST:
		return "persist";
	case MSG_ATTACH:
		return text_is(request->attach.purpose, "look") ? "look" : "attach";
	case MSG_LOG:
		return "log";
	case MSG_METRICS:
		return "metrics";
	case MSG_BACKUP:
		return "backup";
	default:
		return "status";
	}
}
