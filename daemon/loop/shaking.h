/*
 * A TLS handshake (rule A3): on libuv's pool, because a signature costs the loop too
 * much, one step at a time, none of which waits for the peer. Belongs to the loop's
 * thread but for `shake`.
 */
#ifndef BATON_DAEMON_LOOP_SHAKING_H
#define BATON_DAEMON_LOOP_SHAKING_H

#include <stdbool.h>
#include <uv.h>

#include "proto/base/error.h"
#include "proto/transport/transport.h"

struct shaking {
	uv_work_t work;
	const struct transport *transport; /* borrowed; the pool's while `running` */
	/* Called on the loop after each step. */
	void (*on_step)(struct shaking *shaking);
	void *context;
	bool running;
	/* The step's outcome, as transport_tls_shake() gives it. */
	int result;
	int error_number;
	short events;
};

/* Begins a step; none is running. */
void shaking_step(uv_loop_t *loop, struct shaking *shaking);

/* Whether the failed handshake was with a peer that speaks in clear: HTTP, or Baton's own
 * messages, which are then to be answered in clear. */
bool shaking_met_http(const struct transport *transport);
bool shaking_met_baton(const struct transport *transport);
/* Why a handshake failed: the sentence for the log, of which the peer has chosen nothing.
 * Returns the code. */
int shaking_explain(const struct transport *transport, struct error *error);

#endif
