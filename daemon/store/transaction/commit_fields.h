/*
 * The fields of a commit frame (commit_frame.h): a table, from which it is written and
 * read. No input or output, no thread affinity.
 */
#ifndef BATON_STORE_TRANSACTION_COMMIT_FIELDS_H
#define BATON_STORE_TRANSACTION_COMMIT_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/store/facts/facts.h"
#include "proto/base/bytes.h"

/* Numbers are never given a second meaning. */
enum commit_field {
	COMMIT_FIELD_STORE = 1,   /* u64: which catalogue */
	COMMIT_FIELD_COMMITS = 2, /* u64: its last durable change before this one */
	COMMIT_FIELD_NAME = 3,
	COMMIT_FIELD_NUMBER = 4,
	COMMIT_FIELD_KEY = 5,
	COMMIT_FIELD_DIGESTS = 6,
	COMMIT_FIELD_COUNTS = 7,
	COMMIT_FIELD_PLACES = 8,
	COMMIT_FIELD_BASES = 9,
	COMMIT_FIELD_WORKFLOW = 10,
	COMMIT_FIELD_PARENT = 11,
	COMMIT_FIELD_INHERITED = 12,
	COMMIT_FIELD_EXECUTION = 13,
	COMMIT_FIELD_OTHERS = 14,
};

/* Those of the layer but for the last. */
struct commit_field_row {
	enum commit_field field;
	void (*put)(struct buffer *out, const struct layer_facts *layer);
	/* False: it does not hold what it should. */
	bool (*take)(struct reader value, struct layer_facts *layer);
};
extern const struct commit_field_row commit_fields[];
extern const size_t commit_field_count;

void commit_fields_put_execution(struct buffer *out,
				 const struct execution_facts *execution);
bool commit_fields_take_others(struct reader value, struct layer_facts *layer);
/* Whether all is there that a layer cannot do without. */
bool commit_fields_are_whole(const struct layer_facts *layer);

#endif
