/*
 * What is done with one segment of which little or nothing is needed (FORMAT.md §13). It
 * is leased and closed, who may have been offered something in it has ended, and its
 * frames were marked after that. Belongs to one thread.
 */
#ifndef BATON_STORE_REMOVAL_VICTIM_H
#define BATON_STORE_REMOVAL_VICTIM_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/store/removal/mark.h"

/* A segment of which less than this is needed is compacted: so what is stored is at most
 * 1.25 times what is needed (L6). */
#define VICTIM_ALIVE_PERCENT 80u

/* Bytes that its file holds, header, table and index included. */
uint64_t victim_stored(const struct store *store, const struct mark_segment *of);
/* Whether nothing reaches into it; whether it is worth copying what is needed of it, if
 * that gives back at least so many bytes. */
bool victim_is_dead(const struct mark_segment *of);
bool victim_is_sparse(const struct store *store, const struct mark_segment *of,
		      uint64_t least_gain);

/* Takes it out of the catalogue, then unlinks it, and ends the lease. After a failure all
 * is as it was, and it is leased. */
int victim_remove(struct store *store, const struct mark_segment *of,
		  struct error *error);
/* Copies what is needed. The lease goes on, whatever comes of it. ERR_DAMAGED: a frame
 * that nobody needs cannot be read, so nothing is known of what lies behind it. */
int victim_compact(struct store *store, const struct mark_segment *of,
		   struct error *error);

#endif
