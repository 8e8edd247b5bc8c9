/*
 * Scrub: reads everything that is stored once in a set time, a little at a time, so that
 * damage is known before somebody needs what it hit (rule L9). A damaged frame is marked
 * (FORMAT.md §8): nothing in it is reused, and what has another copy heals. Where it
 * stands is kept in the file `scrub`, over starts.
 *
 * A thread of its own, of the lowest priority. The functions here are the loop's, but for
 * scrub_figures(): any thread.
 */
#ifndef BATON_DAEMON_SCRUB_SCRUB_H
#define BATON_DAEMON_SCRUB_SCRUB_H

#include <stdint.h>

#include "daemon/service/log.h"
#include "daemon/store/store.h"

struct scrub;

/* period_ms: 0: nothing is read. NULL where there is no thread for it, which is logged.
 */
struct scrub *scrub_start(struct store *store, const struct log *log, uint64_t period_ms);
/* Ends after the step that it is in. NULL is fine. */
void scrub_stop(struct scrub *scrub);

struct scrub_figures {
	uint64_t bytes;   /* read since the daemon began */
	uint64_t damaged; /* frames that it found damaged since then */
	uint64_t passes;  /* that have ended since then */
	int64_t ended_ms; /* Unix time at which the last pass ended; 0: none is known */
};
/* Zeros for NULL. */
struct scrub_figures scrub_figures(struct scrub *scrub);

#endif
