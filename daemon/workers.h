/*
 * The workers: threads that run sessions, one each, in straight-line code. Requests wait
 * in one lane per namespace; a free worker takes from the lanes in turn, so that a
 * namespace with many requests does not keep others waiting.
 *
 * Threads are started as they are needed, up to the configured number, and stay.
 */
#ifndef BATON_DAEMON_WORKERS_H
#define BATON_DAEMON_WORKERS_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/peer.h"

struct workers;
struct server;

struct workers *workers_new(struct server *server, unsigned thread_max);
/* Ends and joins the threads: nothing may run or wait. */
void workers_free(struct workers *workers);

/* From the loop: the peer's request waits for a worker. */
void workers_submit(struct workers *workers, struct peer *peer);
/* From the loop: takes it back; false when a worker has it already. */
bool workers_withdraw(struct workers *workers, struct peer *peer);
/* From the loop: the next peer whose session has ended, or NULL. A worker that ends one
 * wakes the loop (server_wake). */
struct peer *workers_take_ended(struct workers *workers);

/* Every wait of a running session ends with ERR_INTERRUPTED from now on. */
void workers_interrupt(struct workers *workers);
bool workers_are_interrupted(struct workers *workers);

struct workers_figures {
	uint64_t running, waiting;
};
struct workers_figures workers_figures(struct workers *workers);

#endif
