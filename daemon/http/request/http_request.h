/*
 * One HTTP request and what its answer is made from. Belongs to the thread of the HTTP
 * front end that has its connection.
 */
#ifndef BATON_DAEMON_HTTP_REQUEST_HTTP_REQUEST_H
#define BATON_DAEMON_HTTP_REQUEST_HTTP_REQUEST_H

#include <microhttpd.h>
#include <stdbool.h>
#include <stdint.h>

#include "daemon/http/request/visitor.h"
#include "daemon/session/services.h"
#include "daemon/task/budget.h"
#include "proto/base/arena.h"
#include "proto/base/error.h"
#include "proto/base/text.h"

struct http;

struct http_request {
	const struct http *http;         /* borrowed */
	const struct services *services; /* borrowed */
	struct budget *sending;          /* borrowed; memory for what is on its way */
	struct visitor *visitor;         /* borrowed; who is at the other end */
	struct MHD_Connection *connection;
	struct arena arena; /* texts of the request, as long as it lasts */
	const char *method; /* borrowed from the library, from the first call on */
	struct text target; /* the path as it was sent, encoded; in the arena */
	bool has_body;      /* something came behind the head */
	unsigned status;    /* that was answered; 0: nothing yet */
	uint64_t began_ms;  /* monotonic */
	bool entered;       /* the store, and what to leave it with (store.h) */
	uint64_t ticket;
	/* For the log. */
	struct text namespace;
	struct error error; /* code 0: none */
};

/* A parameter of the query, decoded: empty where it is not there. *ret_bad is set, and
 * otherwise left alone, where it is not well encoded. */
struct text http_request_query(struct http_request *request, const char *name,
			       bool *ret_bad);
/* A header of the request; empty where it is not there. Borrowed. */
struct text http_request_header(const struct http_request *request, const char *name);
bool http_request_is_head(const struct http_request *request);

/* Memory for one large answer that is on its way: decoded frames and a block. To be given
 * back; may outlive the request. ERR_BUSY where others have it all. */
int http_request_take_memory(const struct http_request *request,
			     struct budget_share *ret_share, struct error *error);

/* Whether who asks may read there; with an empty workflow, whatever is in the namespace.
 * ERR_DENIED, before anything is looked up (rule A7). */
int http_request_may_read(struct http_request *request, struct text namespace,
			  struct text workflow, struct error *error);

#endif
