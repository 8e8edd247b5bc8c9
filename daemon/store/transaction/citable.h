/*
 * The units that one session may cite, and where they lie: what it was offered, what it
 * sent, what its base holds. 60 bytes for a unit and about 6 for finding it.
 *
 * No input or output. Belongs to one thread.
 */
#ifndef BATON_STORE_TRANSACTION_CITABLE_H
#define BATON_STORE_TRANSACTION_CITABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/store/segment/table.h"
#include "proto/base/error.h"
#include "proto/base/slots.h"
#include "proto/unit/digest.h"

#define UNIT_NONE SLOTS_FREE

enum frame_origin {
	FRAME_OWN,   /* written by this session */
	FRAME_KNOWN, /* its table was read, or the base's block vouches for it */
};

/* A frame that holds units of the table. */
struct unit_frame {
	struct segment *segment; /* borrowed, pinned by the session */
	uint64_t offset;
	uint32_t len;   /* header, table and payload */
	uint8_t origin; /* enum frame_origin */
	/* Used while a block is built: which block named the frame last, and at what
	 * position. */
	uint32_t block, block_position;
};

struct unit_entry {
	struct unit_name name;
	uint32_t frame;    /* position in frames */
	uint16_t position; /* in the frame's table; only that of an own frame is used */
};

struct citable {
	struct unit_entry *entries; /* owned */
	uint32_t count, room;
	struct unit_frame *frames; /* owned */
	uint32_t frame_count, frame_room;
	struct slots by_key;   /* of entries */
	struct slots by_place; /* of frames */
};

/* {0} is an empty table. */
void citable_fini(struct citable *table);

/* Finds the frame by its segment and offset, or adds it with its length and origin; its
 * block is none. ERR_NO_MEMORY. */
int citable_frame(struct citable *table, const struct unit_frame *frame,
		  uint32_t *ret_position, struct error *error);

/* The entry of exactly this name, or NULL. */
struct unit_entry *citable_find(const struct citable *table,
				const struct unit_name *name);
/* Up to `room` SHA-256s of units under the key whose frames are the session's own. */
uint8_t citable_own(const struct citable *table, const struct unit_key *key,
		    struct digest *ret_digests, uint8_t room);

/* Adds a unit. One that is there stays where it is, unless only the new place is the
 * session's own. ERR_LIMIT beyond LAYER_ROWS_MAX units; ERR_NO_MEMORY. */
int citable_add(struct citable *table, const struct unit_name *name, uint32_t frame,
		uint32_t position, struct error *error);

#endif
