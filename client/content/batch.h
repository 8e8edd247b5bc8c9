/*
 * Units on their way to the daemon, their bytes one behind the other.
 */
#ifndef BATON_CLIENT_CONTENT_BATCH_H
#define BATON_CLIENT_CONTENT_BATCH_H

#include <stddef.h>
#include <stdint.h>

#include "proto/unit/digest.h"
#include "proto/unit/frame.h"

/* Room for a unit of the largest size; untouched pages cost nothing. */
#define BATCH_LEN (UNIT_LEN_MAX + 4096u)
/* Units that close a batch, and a frame: trees of tiny files. */
#define BATCH_UNITS 2048u

struct batch_unit {
	struct unit_key key;
	uint32_t unit;  /* in the table of units */
	uint32_t entry; /* recalled: its bytes are not here, but in the file of this
			 * entry; TREE_ROOT: they stand in data */
};

struct batch {
	struct batch *next;
	uint8_t kind;  /* FRAME_CONTENT or FRAME_PIECE */
	uint8_t *data; /* owned; the units one behind the other */
	size_t len;
	size_t longest_len;       /* the most that len was when it was asked about */
	struct batch_unit *units; /* owned; FRAME_UNITS_MAX */
	uint32_t count;
	uint8_t *offer; /* owned; the payload that answers it */
	size_t offer_len;
};

struct batch_queue {
	struct batch *first, *last;
};

struct batch *batch_new(void);
void batch_free(struct batch *batch);
void batch_clear(struct batch *batch);
/* Appends a unit whose bytes already stand at the end of data. */
void batch_add(struct batch *batch, uint32_t unit, const struct unit_key *key);
/* Appends a recalled one, only to be asked about. */
void batch_add_recalled(struct batch *batch, uint32_t unit, const struct unit_key *key,
			uint32_t entry);

void batch_queue_put(struct batch_queue *queue, struct batch *batch);
void batch_queue_put_first(struct batch_queue *queue, struct batch *batch);
struct batch *batch_queue_take(struct batch_queue *queue); /* NULL: empty */
void batch_queue_fini(struct batch_queue *queue);

#endif
