/*
 * Making a record of a file's bytes, which are not believed. A record that was accepted
 * is sound: what record.h has may ask it anything. Asks the clock; private to
 * client/record.
 */
#ifndef BATON_CLIENT_RECORD_PARSE_H
#define BATON_CLIENT_RECORD_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/record/format.h"

/* Where an entry stands in the file, and in the tree. */
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

/* Fills the other members from bytes and len. False: they are no record, or one from the
 * future of the clock; then it can only be closed. */
bool record_parse(struct record *record);
/* Reads one entry, which begins with its flags. */
struct record_entry record_parse_entry(struct reader *in);

#endif
