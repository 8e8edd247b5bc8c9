/*
 * Which units an attach still needs: each distinct unit once, with all places that it
 * goes to. Made from mentions of a view's table; asked for by WANT; found again by the
 * names that come with frames.
 *
 * Adding belongs to one thread. Afterwards any thread may find and take.
 */
#ifndef BATON_CLIENT_DOWNLOAD_WANT_H
#define BATON_CLIENT_DOWNLOAD_WANT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/view/table.h"
#include "proto/base/error.h"
#include "proto/base/slots.h"
#include "proto/link/link.h"

#define WANT_NONE SLOTS_FREE

struct want {
	const struct view_table *table; /* borrowed */
	uint32_t first; /* mention; what may be added is first … first + count - 1 */
	uint32_t count;
	struct slots heads; /* first mentions, by key */
	uint32_t *next;     /* owned; for a mention: the next of the same unit */
	uint8_t *bits;      /* owned; by mention: first mention, not yet taken */
	uint32_t wanted;    /* distinct units added */
	uint64_t left;      /* of them not taken; atomic */
};

/* Room for `count` mentions from `first`, a multiple of 8; at most `needed` of them will
 * be added. */
void want_init(struct want *want, const struct view_table *table, uint32_t first,
	       uint32_t count, uint32_t needed);
void want_fini(struct want *want);
void want_add(struct want *want, uint32_t mention);

/* Sends the WANT messages of one round. */
int want_send(const struct want *want, struct link *link, struct error *error);

/* The first mention of this unit, taken or not; WANT_NONE: it was not added. */
uint32_t want_find(const struct want *want, const struct unit_name *name);
bool want_is_taken(const struct want *want, uint32_t mention);
/* True for the first caller only, who has to put the unit into its places. */
bool want_take(struct want *want, uint32_t mention);
uint64_t want_left(const struct want *want);
/* The next place of the same unit, or WANT_NONE. */
uint32_t want_next(const struct want *want, uint32_t mention);
/* The first mention that was not taken yet, or WANT_NONE. */
uint32_t want_first_left(const struct want *want);

#endif
