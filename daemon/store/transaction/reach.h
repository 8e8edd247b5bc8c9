/*
 * What a session may be offered that does not read its whole namespace: the units of some
 * layers and no others, so that whether another content is stored is not found out by
 * asking (rule A7). {0}: all of the namespace is in reach.
 *
 * Bounded: of more than REACH_UNITS_MAX units the rest is out of reach; then more is sent
 * than had to be, nothing else. 21 bytes for a unit. Belongs to one thread.
 */
#ifndef BATON_STORE_TRANSACTION_REACH_H
#define BATON_STORE_TRANSACTION_REACH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/slots.h"
#include "proto/unit/digest.h"

#define REACH_UNITS_MAX (128u * 1024u)

struct store;

/* Of a unit: 64 bits of its key and of its SHA-256. Whoever makes two keys alike has not
 * made two such SHA-256s. */
struct reach_unit {
	uint64_t key, sha;
};

struct reach {
	bool narrow;
	struct reach_unit *units; /* owned */
	uint32_t count, room;
	struct slots by_key; /* of units */
};

void reach_fini(struct reach *reach);

/* Narrows it to the content and the pieces of these layers, in that order. One that
 * cannot be read is left out. Takes some ms for 10,000 files. */
void reach_narrow(struct reach *reach, struct store *store, const int64_t *layer_ids,
		  size_t count);

/* Whether there may be a unit with the key in reach, and whether this very unit is. */
bool reach_has_key(const struct reach *reach, const struct unit_key *key);
bool reach_has(const struct reach *reach, const struct unit_name *name);

#endif
