/*
 * A set of layer ids as the catalogue keeps it, in one column: ascending, each as the
 * varint of what it is more than the one before. A job that attaches a thousand layers
 * costs one row of some 1,000 bytes, not a thousand rows; a chain of a thousand such jobs
 * is read in milliseconds. Pure.
 */
#ifndef BATON_STORE_DATABASE_ID_SET_H
#define BATON_STORE_DATABASE_ID_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/bytes.h"

/* Reads a set from its beginning: struct id_set_reader in = {.bytes = reader_of(…)}. */
struct id_set_reader {
	struct reader bytes;
	int64_t id; /* the one given last */
};

/* The next id: true; false at the end, or where bytes.failed says that it is no set. */
bool id_set_next(struct id_set_reader *reader, int64_t *ret_id);

/* Writes the union of an encoded set and the ids, which may be in any order and repeated;
 * they are sorted in place. How many are new; SIZE_MAX where `bytes` is no set. */
size_t id_set_unite(struct reader bytes, int64_t *ids, size_t count,
		    struct buffer *ret_bytes);

#endif
