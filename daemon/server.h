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

#include "daemon/service/config.h"

/* Opens the store, listens, runs until told to stop, closes everything. Returns the exit
 * status; errors were logged. */
int server_run(const struct config *config);

#endif
