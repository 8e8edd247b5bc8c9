/*
 * Giving space back (FORMAT.md §13): layers that nothing reaches any more are given up,
 * then segments that nothing is needed of go, and sparse ones are compacted. One pass
 * behind the other, on one thread; between its steps it lets whoever uses the store go
 * first. A crash at any point leaves the state before or after.
 *
 * Damage is no reason to remove: in a namespace of which any is known nothing is.
 */
#ifndef BATON_STORE_REMOVAL_COLLECTOR_H
#define BATON_STORE_REMOVAL_COLLECTOR_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "daemon/store/life/removal.h"
#include "proto/base/error.h"

struct store;
struct collector;

/* How long daemons must have run since a workflow expired. */
#define COLLECTOR_WAIT_MS ((int64_t)24 * 60 * 60 * 1000)
/* Less is not worth copying what is needed of a segment. */
#define COLLECTOR_LEAST_GAIN (256u * 1024u)

enum collector_deed {
	COLLECTOR_LAYER,   /* given up */
	COLLECTOR_SEGMENT, /* removed: nothing reaches into it */
	COLLECTOR_COMPACT, /* copied without what nobody needs */
};

struct collector_finding {
	enum collector_deed deed;
	const struct removed_layer *layer; /* borrowed; of a layer */
	const char *segment;               /* borrowed; its file, of a segment */
	uint64_t stored, alive;            /* bytes of it */
};

struct collector_options {
	bool dry_run; /* tells what would be done, and does nothing */
	int64_t wait_ms;
	uint64_t least_gain;
	/* Told of each deed; may be NULL. */
	void (*on_finding)(void *context, const struct collector_finding *finding);
	void *context;
};

struct collector_report {
	uint64_t workflows, layers;  /* given up */
	uint64_t removed, compacted; /* segments */
	uint64_t freed;              /* bytes */
	uint64_t busy;               /* segments that somebody was writing to */
	struct error stopped; /* why nothing is removed somewhere; code 0: no reason to */
};

/* The store is borrowed for its life. The first pass looks at every segment, later ones
 * at those that lost a layer. */
struct collector *collector_new(struct store *store);
void collector_free(struct collector *collector); /* NULL is fine */

/* One pass. What it did is in *ret_report, also after a failure. ERR_INTERRUPTED after
 * collector_stop(); ERR_BUSY while the unit index is being rebuilt; ERR_NO_ROOM,
 * ERR_READ_ONLY, ERR_LOCAL. */
int collector_run(struct collector *collector, const struct collector_options *options,
		  struct collector_report *ret_report, struct error *error);
/* Any thread: a pass ends soon, and so does each that begins later. */
void collector_stop(struct collector *collector);

#endif
