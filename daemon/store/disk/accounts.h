/*
 * How much of something each namespace has, bytes or layers, counting what running
 * persists are about to make, and how much it may (rule L3). Whoever has them locks them.
 */
#ifndef BATON_STORE_DISK_ACCOUNTS_H
#define BATON_STORE_DISK_ACCOUNTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct account {
	int64_t namespace_id;
	uint64_t held;     /* what there is; of bytes also what is being written */
	uint64_t promised; /* to those who will make more of it, or not */
	uint64_t quota;    /* 0: no limit */
	bool counted;      /* `held` is known; for whoever has to count it first */
};

struct accounts {
	struct account *items; /* owned; ascending by namespace */
	size_t count, room;
};

void accounts_fini(struct accounts *accounts);
/* That of a namespace, made where it is not there; until the next one is made. */
struct account *accounts_of(struct accounts *accounts, int64_t namespace_id);

/* Whether so many more are within its quota. */
static inline bool account_has_room(const struct account *account, uint64_t more)
{
	uint64_t used = account->held + account->promised;
	return account->quota == 0 ||
	       (used <= account->quota && more <= account->quota - used);
}

#endif
