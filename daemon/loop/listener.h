/*
 * The sockets that the daemon listens on: what the service manager opened, or what the
 * configuration names. Belongs to the loop's thread.
 */
#ifndef BATON_DAEMON_LOOP_LISTENER_H
#define BATON_DAEMON_LOOP_LISTENER_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "daemon/loop/peer.h"
#include "daemon/service/config.h"
#include "daemon/service/listen_fds.h"
#include "proto/link/address.h"

struct listener {
	struct listeners *all; /* borrowed */
	struct address address;
	int fd;      /* owned; -1: not open */
	bool passed; /* opened by the service manager, whose file stays */
	uv_poll_t poll;
	bool polling;
};

struct listeners {
	struct peers *peers; /* borrowed; who comes is given to them */
	struct listener items[CONFIG_LISTEN_MAX];
	bool closed;
};

void listeners_init(struct listeners *listeners, struct peers *peers);
/* Begins to listen. What was passed takes the place of what the configuration says, and
 * is owned from then on. On failure some may listen: listeners_close(). */
int listeners_open(struct listeners *listeners, struct listen_fds *passed,
		   struct error *error);
/* Called a few times a second: those that found no room for a connection try again. */
void listeners_tick(struct listeners *listeners);
void listeners_close(struct listeners *listeners);
/* After the loop has ended. */
void listeners_fini(struct listeners *listeners);

#endif
