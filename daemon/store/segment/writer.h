/*
 * Appending to segments on behalf of one transaction: leases, writes, syncs, and takes
 * back what was not committed (FORMAT.md §1). Belongs to one thread.
 *
 * A write that fails for want of room, or that its namespace's quota does not allow,
 * fails this transaction only. Every other failed write, and any failed sync, makes the
 * store read-only; nothing is tried twice.
 */
#ifndef BATON_STORE_SEGMENT_WRITER_H
#define BATON_STORE_SEGMENT_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/store/disk/parts.h"
#include "daemon/store/segment/table.h"
#include "proto/base/bytes.h"
#include "proto/base/error.h"

struct segment_written {
	struct segment *segment; /* leased */
	uint64_t start; /* what the catalogue vouched for before; 0: a new segment */
	uint64_t end;   /* bytes appended to so far, those in `pending` too */
};

struct segment_writer {
	struct store *store; /* borrowed */
	int64_t namespace_id;
	struct segment_written *written; /* owned; the last one is appended to */
	size_t count, room;
	struct buffer pending; /* the end of the last one that is not yet in the file */
	uint64_t appended;     /* bytes, for figures */
};

void segment_writer_init(struct segment_writer *writer, struct store *store,
			 int64_t namespace_id);

/* Appends a frame (header and table, then payload). The segment is the writer's until
 * commit or abort. ERR_NO_ROOM, ERR_QUOTA, ERR_READ_ONLY, ERR_LOCAL. */
int segment_writer_append(struct segment_writer *writer, const struct buffer *head,
			  const void *payload, size_t payload_len,
			  struct segment **ret_segment, uint64_t *ret_offset,
			  struct error *error);
/* Makes everything appended readable from the files. */
int segment_writer_flush(struct segment_writer *writer, struct error *error);
/* Makes everything appended durable, names included. */
int segment_writer_sync(struct segment_writer *writer, struct error *error);

/* What the catalogue is to vouch for; owned by the caller (free). */
struct segment_row *segment_writer_rows(const struct segment_writer *writer,
					size_t *ret_count);

/* The catalogue vouches for it: ends the leases, seals what has grown enough. What fails
 * here does not touch the commit; it may make the store read-only. */
void segment_writer_commit(struct segment_writer *writer);
/* Cuts off what was appended, removes new segments, ends the leases. In a store that has
 * failed the files stay as they are: whether the catalogue vouches for them is known at
 * the next start. After a commit or an abort it does nothing. */
void segment_writer_abort(struct segment_writer *writer);

#endif
