/*
 * Expiry: workflows whose time is over leave sight (rules L1, W8). How long they live is
 * said by whoever calls, for each namespace. Any thread.
 */
#ifndef BATON_STORE_LIFE_EXPIRY_H
#define BATON_STORE_LIFE_EXPIRY_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/store/catalogue/catalogue.h"
#include "proto/base/error.h"
#include "proto/base/text.h"

/* How long workflows live without contact. */
struct expiry_terms {
	/* In a tier of a namespace; 0: for ever. Called with the catalogue's mutex held;
	 * must not call the catalogue. */
	uint64_t (*retention_ms)(void *context, struct text namespace, enum tier tier);
	void *context;
	uint64_t shortest_ms;   /* in any namespace; 0: all live for ever */
	bool lets_most_through; /* whatever a pass doubts: see below */
};

/* Why a pass expired nothing: of the workflows that had contact while daemons ran for the
 * last day it would have expired more than half. */
struct expiry_doubt {
	uint64_t due;    /* of these; 0: there is no doubt */
	uint64_t recent; /* that had contact so lately */
};

struct expiry {
	uint64_t count;  /* of workflows that have expired */
	uint64_t begun;  /* of those whose life began anew: a batond before this one went
			  * by the wall's clock */
	uint64_t off_ms; /* how long the machine was off, as it has turned out */
	struct expiry_doubt doubt;
};

/* Looks at the clocks, keeps where the store's time stands (FORMAT.md §9), and marks
 * workflows whose last contact is longer ago by it as expired; their layers leave sight,
 * those that a living retry inherited stay in its. What is kept stays, and what lives by
 * a
 * --ttl. Where the pass is in doubt (rule L4: time has leapt beside the daemon's own
 * clock, or the configuration was mistyped) nothing expires, until a day more has run, or
 * an operator lets it through. */
int expiry_run(struct catalogue *catalogue, const struct expiry_terms *terms,
	       struct expiry *ret_expiry, struct error *error);

/* Writes down how long daemons have run, where it is more than a minute since: for a
 * daemon that stops. */
int expiry_rest(struct catalogue *catalogue, struct error *error);

#endif
