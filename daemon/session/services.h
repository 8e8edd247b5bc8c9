/*
 * All that a request may use of the daemon, whichever front end it came in by. Nothing in
 * here knows a socket or a message. Any thread.
 */
#ifndef BATON_DAEMON_SESSION_SERVICES_H
#define BATON_DAEMON_SESSION_SERVICES_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/access/access.h"
#include "daemon/service/log.h"
#include "daemon/store/store.h"
#include "daemon/task/budget.h"
#include "daemon/task/crew.h"
#include "daemon/terms/terms.h"

struct metrics;
struct scrub;
struct persist_keys;
struct removal_totals;

/* What the daemon knows of itself. */
struct daemon_figures {
	uint64_t started_ms; /* Unix time */
	uint64_t uptime_ms;
	uint64_t connections;
	uint64_t running, waiting; /* requests */
	uint64_t running_max;      /* that may run at once */
};

struct services {
	struct store *store;   /* borrowed */
	struct crew *crew;     /* borrowed */
	struct budget *views;  /* borrowed; memory for the layers that views are read from
				*/
	uint64_t view_wait_ms; /* a request waits so long for it */
	struct persist_keys *keys; /* borrowed; running persists (rule W2) */
	const struct log *log;     /* borrowed */
	struct access *access;     /* borrowed */
	struct metrics *metrics;   /* borrowed; what has been counted */
	/* borrowed; what removal has done; NULL: there is none */
	const struct removal_totals *removal;
	struct scrub *scrub;       /* borrowed; NULL: nothing is read by itself */
	struct terms_book *terms;  /* borrowed; what namespaces may have, for how long */
	bool reuse_namespace; /* who reads a part of a namespace is offered all of it */
	const char *data;     /* borrowed; the data directory's name */
	struct daemon_figures (*figures)(void *context);
	void *context;
};

#endif
