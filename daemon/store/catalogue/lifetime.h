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

struct catalogue;

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
};

/* Goes on from what the catalogue says, or begins by the wall's clock; changes nothing in
 * it. */
void lifetime_open(struct catalogue *catalogue);

/* The store's time now. */
int64_t lifetime_now(const struct catalogue *catalogue);
/* The wall's time, as rows can hold it. */
int64_t lifetime_wall(const struct catalogue *catalogue);

#endif
