/*
 * A request: the message that begins a session (PROTOCOL.md §2), decoded on the loop and
 * given to a worker.
 */
#ifndef BATON_DAEMON_TASK_REQUEST_H
#define BATON_DAEMON_TASK_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/base/error.h"
#include "proto/message/message.h"

struct request {
	uint64_t arrival; /* counts the daemon's requests; the loop sets it */
	uint16_t type;    /* of a message that begins a request */
	union {
		struct msg_persist persist;
		struct msg_attach attach;
		struct msg_log log;
		struct msg_empty status;
		struct msg_backup backup;
	};
	struct message_memory memory; /* owned; holds the decoded texts */
	uint8_t *payload;             /* owned; likewise */
};

/* Takes ownership of payload, also on failure. ERR_PROTOCOL for another type. */
int request_decode(uint16_t type, uint8_t *payload, uint32_t len,
		   struct request **ret_request, struct error *error);
void request_free(struct request *request); /* NULL is fine */

/* Who asks; NULL where nobody in particular does, as for a status. */
const struct msg_identity *request_identity(const struct request *request);
/* The lane in which it waits for a worker: its namespace, "default" if it names none. */
struct text request_namespace(const struct request *request);
/* The other workflow that it reads (rule R5); empty: none. */
struct text request_from_workflow(const struct request *request);
/* The one layer that it reads; empty: none in particular. */
struct text request_layer(const struct request *request);
/* "persist", "attach", "look", "log", "status" …: for the log. */
const char *request_verb(const struct request *request);

#endif
