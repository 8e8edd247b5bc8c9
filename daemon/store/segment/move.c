#include "daemon/store/segment/move.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/store/catalogue/catalogue.h"
#include "daemon/store/disk/parts.h"
#include "daemon/store/segment/segment.h"
#include "daemon/store/segment/table.h"
#include "daemon/store/segment/writer.h"
#include "proto/base/cleanup.h"

#define COPY_LEN (1024u * 1024u)

/* ID.seg becomes ID.1.seg, ID.N.seg becomes ID.(N + 1).seg. */
static void next_location(const struct segment *segment, char *ret_location, size_t room)
{
	char text[SEGMENT_ID_TEXT_SIZE];
	const char *number = strchr(segment->location, '.');
	unsigned long n = number ? strtoul(number + 1, NULL, 10) : 0;
	(void)snprintf(ret_location, room, "%s.%lu.seg",
		       segment_id_text(&segment->id, text), n + 1);
}

static int copy_bytes(struct store *store, const struct segment *segment, int to,
		      uint64_t len, struct error *error)
{
	uint8_t *bytes AUTO_FREE = must_alloc(COPY_LEN);
	for (uint64_t at = 0; at < len;) {
		size_t step = len - at < COPY_LEN ? (size_t)(len - at) : COPY_LEN;
		if (io_read_at(store->io, segment->fd, bytes, step, at) < 0)
			return error_set_errno(error, errno ? ERR_LOCAL : ERR_DAMAGED,
					       errno ? errno : EIO,
					       "segment `%s`: cannot be read",
					       segment->location);
		if (io_write_at(store->io, to, bytes, step, at) < 0)
			return error_set_errno(error, ERR_LOCAL, errno,
					       "segment `%s`: cannot be copied",
					       segment->location);
		at += step;
	}
	return 0;
}

static int sync_copy(struct store *store, const struct segment *segment, int to,
		     struct error *error)
{
	const struct io *io = store->io;
	if (io->fdatasync(io->context, to) == 0 &&
	    io->fsync(io->context, store->segments_fd) == 0)
		return 0;
	return error_set_errno(error, ERR_LOCAL, errno,
			       "segment `%s`: its copy cannot be synced",
			       segment->location);
}

/* Makes the durable copy. Nothing points to it yet, so a failure costs only the copy. */
static int make_copy(struct store *store, const struct segment *segment,
		     const struct segment_row *row, struct error *error)
{
	const struct io *io = store->io;
	int to = io_open(io, store->segments_fd, row->location,
			 O_WRONLY | O_CREAT | O_EXCL, 0600);
	if (to < 0)
		return error_set_errno(error, ERR_LOCAL, errno,
				       "segment `%s`: cannot be created", row->location);
	int err = copy_bytes(store, segment, to, row->vouched, error);
	if (!err)
		err = sync_copy(store, segment, to, error);
	if (io_close(io, to) < 0 && !err)
		err = error_set_errno(error, ERR_LOCAL, errno,
				      "segment `%s`: its copy cannot be closed",
				      segment->location);
	if (err)
		(void)io->unlink(io->context, store->segments_fd, row->location);
	return err;
}

/* With the segment leased. */
static int move(struct store *store, struct segment *segment, struct error *error)
{
	struct segment_row row = segment_table_row(store->segments, segment);
	next_location(segment, row.location, sizeof(row.location));
	int err = make_copy(store, segment, &row, error);
	if (err)
		return err;
	err = catalogue_update_segment(store->catalogue, &row, error);
	if (err)
		err = health_fail_if_broken(&store->health, error);
	/* In a store that has failed nobody knows which of the two the catalogue names.
	 */
	if (err && !atomic_load(&store->health.failed))
		(void)store->io->unlink(store->io->context, store->segments_fd,
					row.location);
	if (err)
		return err;
	/* Readers keep the old file by their descriptors; its name can go. */
	if (segment_table_replace(store->segments, segment, row.location) < 0)
		health_note(&store->health,
			    "segment `%s`: the old file stays until the next start",
			    segment->location);
	return 0;
}

int segment_move(struct store *store, const struct segment_id *id, struct error *error)
{
	int err = health_check_writable(&store->health, error);
	struct segment *segment;
	if (!err)
		err = segment_table_pin(store->segments, id, &segment, error);
	if (err)
		return err;
	err = segment_table_lease_pinned(store->segments, segment, error);
	if (!err) {
		/* Where the move failed an open one may go on being appended to. */
		err = move(store, segment, error);
		segment_table_return(store->segments, segment,
				     err && segment->appendable);
	}
	segment_table_unpin(store->segments, segment);
	return err;
}
