/*
 * The sockets that the daemon listens on: what the service manager opened, or what the
 * configuration names. Belongs to the loop's thread.
 */
#ifndef BATON_DAEMON_LOOP_LISTENER_H
#define BATON_DAEMON_LOOP_LISTENER_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "daemon/access/token/certificate.h"
#include "daemon/loop/peer.h"
#include "daemon/service/config.h"
#include "daemon/service/listen_fds.h"
#include "proto/transport/address.h"

struct listener {
	struct listeners *all; /* borrowed */
	struct address address;
	int fd;      /* owned; -1: not open */
	bool passed; /* opened by the service manager; its socket file is not removed */
	uv_poll_t poll;
	bool polling;
};

struct listeners {
	struct peers *peers; /* borrowed; they get each new connection */
	const struct certificate *certificate; /* borrowed; for tls:// */
	struct listener items[CONFIG_LISTEN_MAX];
	uint64_t dropped_told_ms; /* loop time before which what was dropped is only
				     counted */
	bool closed;
};

void listeners_init(struct listeners *listeners, struct peers *peers,
		    const struct certificate *certificate);
/* Whether one of the addresses of the configuration is served over TLS. */
bool listeners_need_certificate(const struct config *config);
/* Begins to listen: on the passed sockets, which are owned from then on, or, if there are
 * none, on the addresses of the configuration; one that would offer less than TLS and a
 * token beyond this machine is ERR_DENIED (rule A1). For tls:// says on standard output
 * what clients need: BATON_SERVER=tls://HOST:PORT#PIN. After a failure some may be
 * listening: call listeners_close(). */
int listeners_open(struct listeners *listeners, struct listen_fds *passed,
		   struct error *error);
/* Called a few times a second: listeners that paused, because no connection could be
 * taken, go on. */
void listeners_tick(struct listeners *listeners);
void listeners_close(struct listeners *listeners);
/* After the loop has ended. */
void listeners_fini(struct listeners *listeners);

#endif
