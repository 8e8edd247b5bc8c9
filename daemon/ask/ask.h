/*
 * Asking the daemon that runs, from another batond: one request over its Unix socket, one
 * answer. For commands that its operator gives.
 */
#ifndef BATON_DAEMON_ASK_ASK_H
#define BATON_DAEMON_ASK_ASK_H

#include <stdint.h>

#include "proto/base/error.h"
#include "proto/message/message.h"
#include "proto/options/string_list.h"

struct ask {
	const struct string_list *listen; /* borrowed; where it listens: URLs */
	uint16_t type, reply_type;
	const void *message; /* borrowed */
};

/* The first Unix socket of the list. Waits as long as the daemon says KEEPALIVE.
 * *ret_reply, the struct of reply_type, borrows from memory and *ret_payload (owned by
 * the caller). ERR_UNREACHABLE: nobody listens there; what the daemon says; errors of
 * the link. */
int ask_daemon(const struct ask *ask, struct message_memory *memory,
	       uint8_t **ret_payload, void *ret_reply, struct error *error);

#endif
