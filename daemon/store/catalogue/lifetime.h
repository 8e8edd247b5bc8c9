/*
 * The store's own time, by which workflows grow old (FORMAT.md §9). It goes on by as much
 * as the machine was up, whatever its wall clock says, and by what the machine was off
 * only where that is known: a wall clock that was wrong once must not end a life.
 *
 * With the catalogue's mutex held, but for lifetime_open().
 */
#ifndef BATON_STORE_CATALOGUE_LIFETIME_H
#define BATON_STORE_CATALOGUE_LIFETIME_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/base/error.h"

struct catalogue;

/* Of a contact's time, where lives are long. */
#define LIFETIME_CONTACT_GRAIN_MS 60000

/* Where the store's time stood beside a clock. */
struct time_mark {
	uint64_t boot;   /* during which start of the machine; 0: it could not be told */
	int64_t time_ms; /* 0: there is no mark */
	int64_t clock_ms;
};

/* What other clocks said when the store's time was last written down. */
struct witnesses {
	int64_t awake_ms, wall_ms;
};

struct lifetime {
	bool settled;          /* retention has run since it was opened */
	int64_t ahead_ms;      /* the store's time less the uptime of this boot */
	struct time_mark seen; /* beside the uptime, as it was last written down */
	struct witnesses witnesses;
	struct time_mark synced; /* beside a wall clock that was synchronised */
	/* A contact alone is written down only where the last is older than this: a small
	 * part of the shortest life (expiry.h). */
	int64_t contact_grain_ms;
	int64_t running_ahead_ms; /* running_ms less how long the machine has been awake
				   */
	int64_t running_kept_ms;  /* running_ms as it was last written down */
};

/* Goes on from what the catalogue says, or begins by the wall's clock; changes nothing in
 * it. */
void lifetime_open(struct catalogue *catalogue);

/* Within a change: looks at the clocks, and keeps where the store's time stands.
 * *ret_begun: of how many workflows the life began anew, because a batond before this one
 * went by the wall's clock; *ret_off_ms: how long the machine was off, as it has turned
 * out. After an error, and where the change is not committed, catalogue->lifetime is the
 * caller's to put back. */
int lifetime_look(struct catalogue *catalogue, uint64_t *ret_begun, uint64_t *ret_off_ms,
		  struct error *error);

/* How long daemons have run with this store, by their own clocks; suspension of the
 * machine does not count. What of it was not written down is lost, which only delays
 * removal. */
int64_t lifetime_running(const struct catalogue *catalogue);
/* Within a change: writes it down. */
int lifetime_keep_running(struct catalogue *catalogue, struct error *error);

/* The store's time now. */
int64_t lifetime_now(const struct catalogue *catalogue);
/* The wall's time, as rows can hold it. */
int64_t lifetime_wall(const struct catalogue *catalogue);

#endif
