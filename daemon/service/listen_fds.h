/*
 * Listening sockets that a service manager opened for us, as sd_listen_fds(3) describes
 * them: $LISTEN_PID is our process, descriptors 3 … 2 + $LISTEN_FDS are the sockets.
 *
 * Main thread, before there are others.
 */
#ifndef BATON_DAEMON_SERVICE_LISTEN_FDS_H
#define BATON_DAEMON_SERVICE_LISTEN_FDS_H

#include <stddef.h>

#include "daemon/service/config.h"
#include "proto/base/error.h"

struct listen_fds {
	size_t count; /* 0: none were passed */
	struct listen_fd {
		int fd;    /* owned; close-on-exec, non-blocking */
		char *url; /* owned; where it listens */
	} items[CONFIG_LISTEN_MAX];
};

/* Takes them over and removes the variables. ERR_USAGE: more than CONFIG_LISTEN_MAX, or
 * one that is not a listening stream socket; ERR_DENIED: an abstract Unix socket, which
 * has no permissions. On failure *ret_fds holds what was read so far; end it. */
int listen_fds_take(struct listen_fds *ret_fds, struct error *error);
/* Closes what is not -1. */
void listen_fds_fini(struct listen_fds *fds);

#endif
