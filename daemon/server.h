/*
 * The server: the libuv loop that owns listening, accepting, signals, timers, idle
 * connections and the order of stopping. It never blocks, never decompresses, never
 * touches the disk (but before it runs and after it has stopped).
 *
 * Stopping: SIGTERM or SIGINT closes the listeners and refuses what waits; running
 * sessions may finish for stop_timeout_ms, then, or at a second signal, every wait of
 * theirs ends. When the last has ended all handles are closed and uv_loop_close() gives
 * 0.
 */
#ifndef BATON_DAEMON_SERVER_H
#define BATON_DAEMON_SERVER_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "daemon/config.h"
#include "daemon/crew.h"
#include "daemon/listen_fds.h"
#include "daemon/log.h"
#include "daemon/peer.h"
#include "daemon/services.h"
#include "daemon/store/store.h"
#include "proto/base/error.h"
#include "proto/link/address.h"

struct listener {
	struct server *server; /* borrowed */
	struct address address;
	int fd;      /* owned; -1: not open */
	bool passed; /* opened by the service manager, whose file stays */
	uv_poll_t poll;
	bool polling;
};

struct server {
	const struct config *config; /* borrowed */
	const struct log *log;       /* borrowed */
	struct store *store;         /* owned */
	struct crew *crew;           /* owned */
	struct workers *workers;     /* owned */
	struct persist_keys *keys;   /* owned; running persists by their key (rule W2) */
	uv_loop_t loop;
	struct listen_fds passed; /* owned; until they are listeners */
	struct listener listeners[CONFIG_LISTEN_MAX];
	uv_signal_t on_term, on_int;
	uv_timer_t tick;
	uv_async_t wake;
	uv_work_t retention_work;
	bool retention_running;
	uint64_t retention_due_ms;
	struct peers peers;
	struct services services; /* what sessions may use */
	uint64_t started_ms;      /* Unix time */
	uint64_t started_mono_ms;
	uint64_t stop_by_ms; /* loop time; 0 while running */
	bool closing_handles;
	int exit_status;
};

/* Opens the store, listens, runs until told to stop, closes everything. Returns the exit
 * status; errors were logged. */
int server_run(const struct config *config);

#endif
