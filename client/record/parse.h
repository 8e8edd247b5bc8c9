/*
 * Making a record of bytes that nobody vouches for: what is accepted can be asked
 * anything (record.h) without another look at whether it is sound. Asks the clock;
 * private to client/record.
 */
#ifndef BATON_CLIENT_RECORD_PARSE_H
#define BATON_CLIENT_RECORD_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/record/format.h"

/* Where an entry stands among the others. */
struct record_node {
	uint32_t at; /* of its flags, in bytes */
	uint32_t parent;
	uint32_t end;
};

struct record {
	const uint8_t *bytes; /* borrowed, or the mapping's */
	size_t len;
	void *mapping; /* owned; NULL: none */
	struct record_header header;
	struct record_node *nodes; /* owned */
	struct record_view views[RECORD_VIEWS_MAX];
	size_t view_count;
};

/* Fills what follows from bytes and len. Whether they are a record, which names no moment
 * that is still to come; if not, it can only be closed. */
bool record_parse(struct record *record);
/* One entry of it, from its flags on. */
struct record_entry record_parse_entry(struct reader *in);

#endif
