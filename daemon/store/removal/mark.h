/*
 * Which frames of some segments are needed: by the placements and blocks of all layers
 * that name these segments (FORMAT.md §13). Belongs to one thread.
 */
#ifndef BATON_STORE_REMOVAL_MARK_H
#define BATON_STORE_REMOVAL_MARK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/store/disk/parts.h"
#include "daemon/store/segment/reader.h"
#include "daemon/store/segment/table.h"
#include "proto/base/error.h"
#include "proto/base/slots.h"

struct mark_frame {
	uint64_t offset, len;
};

/* What is needed of one segment. */
struct mark_segment {
	struct segment *segment;   /* borrowed, pinned by the caller */
	struct mark_frame *frames; /* owned; ascending, none overlaps */
	size_t count, room;
	uint64_t bytes;  /* of all */
	uint64_t layers; /* that name it */
};

struct mark_place {
	struct segment_id segment;
	uint64_t offset;
	bool read; /* as a block */
};

struct marks {
	struct store *store;           /* borrowed */
	struct mark_segment *segments; /* owned; ascending by id */
	size_t segment_count;
	const int64_t *without; /* borrowed; ascending; layers that count for nothing */
	size_t without_count;
	/* Frames and blocks that were met: layers share most of theirs. */
	struct mark_place *met; /* owned */
	uint32_t met_count, met_room;
	struct slots by_place;
	struct segment_reader reader, heads;
	/* Called between two layers, to let others go first; false: stop. */
	bool (*breathe)(void *context);
	void *context;
};

/* The segments must be pinned, and ascend by id. */
void marks_init(struct marks *marks, struct store *store, struct segment *const *segments,
		size_t count);
void marks_fini(struct marks *marks);

/* Fills what is needed. ERR_DAMAGED: something that says so cannot be read, and nothing
 * may be concluded; ERR_INTERRUPTED. */
int marks_run(struct marks *marks, struct error *error);

#endif
