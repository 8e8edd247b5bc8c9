/*
 * The units that lie beside those which a session was offered.
 *
 * What was persisted together is asked about together, in the same order: the tables of a
 * few frames answer for most of a tree that the store has already, and the index need not
 * be asked unit by unit (Zhu, Li, Patterson: Avoiding the Disk Bottleneck in the Data
 * Domain Deduplication File System, FAST 2008, "locality preserved caching"). Measured
 * with 50,000 files: 63 % of the daemon's time for a persist of what it has already.
 *
 * Of one key it knows one content, even where the index knows several: then more is sent
 * than had to be, nothing else.
 *
 * Bounded: what is learned beyond the bound replaces all that was known. Where units come
 * in another order than they were persisted in, learning does not pay, and stops. No
 * input or output. Belongs to one thread.
 */
#ifndef BATON_STORE_TRANSACTION_NEIGHBOURS_H
#define BATON_STORE_TRANSACTION_NEIGHBOURS_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/base/slots.h"
#include "proto/unit/digest.h"

/* Units known at once: a hundred frames of files as they are in a node_modules, 60 bytes
 * for a unit and 8 for finding it. */
#define NEIGHBOURS_MAX 8192u
/* Learning a unit takes 50 ns, asking the index for one 1.5 us and more: so many may be
 * learned for each one found. */
#define NEIGHBOURS_PAY 16u

struct neighbour {
	struct unit_name name;
	uint32_t frame;    /* position in the session's unit table */
	uint32_t position; /* in the frame's table */
};

struct neighbours {
	struct neighbour *units; /* owned; NULL until something is learned */
	uint32_t count;
	struct slots by_key;    /* of units */
	uint64_t learned, hits; /* ever */
};

/* {0} knows nothing. */
void neighbours_fini(struct neighbours *neighbours);

/* Whether what was learned so far was worth it: another frame may be. */
bool neighbours_pay(const struct neighbours *neighbours);
/* The units of a frame's table, at most FRAME_UNITS_MAX; nothing where there is no
 * memory. */
void neighbours_learn(struct neighbours *neighbours, uint32_t frame,
		      const struct unit_name *units, uint32_t count);

/* One that has the key, or NULL. */
const struct neighbour *neighbours_find(struct neighbours *neighbours,
					const struct unit_key *key);

#endif
