/*
 * What the segments of each namespace take, for figures.
 */
#ifndef BATON_STORE_FACTS_SHARES_H
#define BATON_STORE_FACTS_SHARES_H

#include <stddef.h>
#include <stdint.h>

#include "daemon/store/catalogue/catalogue.h"
#include "proto/base/error.h"

/* More would not fit in a message, nor in anybody's head. */
#define SHARES_MAX 500u

struct namespace_share {
	char name[NAME_LEN_MAX + 1];
	enum tier tier;
	uint64_t stored_bytes; /* vouched for, without holes */
	uint64_t hole_bytes;
};

/* The largest first, at most SHARES_MAX; owned by the caller (free). By an index: some
 * milliseconds. */
int shares_load(struct catalogue *catalogue, struct namespace_share **ret_shares,
		size_t *ret_count, struct error *error);

#endif
