#include "daemon/store/segment/move.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/store/catalogue/catalogue.h"
#include "daemon/store/disk/parts.h"
#include "daemon/store/disk/tickets.h"
#include "daemon/store/segment/segment.h"
#include "daemon/store/segment/table.h"
#include "daemon/store/segment/writer.h"
#include "proto/base/cleanup.h"

#define COPY_LEN (1024u * 1024u)
/* At most, behind each of them, while others use the store. */
#define PAUSE_MS 10u

/* ID.seg becomes ID.1.seg, ID.N.seg becomes ID.(N + 1).seg. */
static void next_location(const struct segment *segment, char *ret_location, size_t room)
{
	char text[SEGMENT_ID_TEXT_SIZE];
	const char *number = strchr(segment->location, '.');
	unsigned long n = number ? strtoul(number + 1, NULL, 10) : 0;
	(void)snprintf(ret_location, room, "%s.%lu.seg",
		       segment_id_text(&segment->id, text), n + 1);
}

/* A copy under way. */
struct copy {
	struct store *store;           /* borrowed */
	const struct segment *segment; /* borrowed, leased */
	const struct holes *holes;     /* borrowed; of the copy */
	struct segment_row row;        /* as it will be */
	int to;                        /* descriptor of the new file, owned */
};

static int copy_failed(const struct copy *copy, struct error *error)
{
	return error_set_errno(error, ERR_LOCAL, errno, "segment `%s`: cannot be copied",
			       copy->segment->location);
}

static int write_head(const struct copy *copy, struct error *error)
{
	struct segment_header header = {copy->segment->id, copy->segment->namespace_id,
					copy->holes->count > 0};
	struct buffer head AUTO(buffer_fini) = {0};
	uint8_t bytes[SEGMENT_HEADER_LEN];
	segment_header_encode(&header, bytes);
	buffer_put(&head, bytes, sizeof(bytes));
	if (header.has_holes)
		holes_encode_table(&head, copy->holes);
	return io_write_at(copy->store->io, copy->to, head.at, head.len, 0) == 0
		       ? 0
		       : copy_failed(copy, error);
}

/* Bytes in no hole of either file. */
static int copy_bytes(const struct copy *copy, uint8_t *bytes, uint64_t offset,
		      size_t len, struct error *error)
{
	const struct io *io = copy->store->io;
	if (segment_read(io, copy->segment, bytes, len, offset) < 0)
		return error_set_errno(
			error, errno ? ERR_LOCAL : ERR_DAMAGED, errno ? errno : EIO,
			"segment `%s`: cannot be read", copy->segment->location);
	return io_write_at(io, copy->to, bytes, len, holes_place(copy->holes, offset)) ==
			       0
		       ? 0
		       : copy_failed(copy, error);
}

/* Whoever uses the store goes first. */
static int copy_all(const struct copy *copy, struct error *error)
{
	static const atomic_bool never = false;
	uint8_t *bytes AUTO_FREE = must_alloc(COPY_LEN);
	uint64_t end = copy->row.vouched;
	int err = write_head(copy, error);
	uint64_t at = SEGMENT_HEADER_LEN;
	while (!err && (at = holes_skip(copy->holes, at)) < end) {
		uint64_t extent = holes_extent(copy->holes, at);
		uint64_t left = end - at < extent ? end - at : extent;
		size_t step = left < COPY_LEN ? (size_t)left : COPY_LEN;
		err = copy_bytes(copy, bytes, at, step, error);
		at += step;
		tickets_wait_idle(copy->store->tickets, PAUSE_MS, &never);
	}
	return err;
}

static int sync_copy(const struct copy *copy, struct error *error)
{
	const struct io *io = copy->store->io;
	if (io->fdatasync(io->context, copy->to) == 0 &&
	    io->fsync(io->context, copy->store->segments_fd) == 0)
		return 0;
	return error_set_errno(error, ERR_LOCAL, errno,
			       "segment `%s`: its copy cannot be synced",
			       copy->segment->location);
}

static void unlink_copy(const struct copy *copy)
{
	const struct io *io = copy->store->io;
	(void)io->unlink(io->context, copy->store->segments_fd, copy->row.location);
}

/* Makes the durable copy. Nothing points to it yet, so a failure costs only the copy. */
static int make_copy(struct copy *copy, struct error *error)
{
	const struct io *io = copy->store->io;
	copy->to = io_open(io, copy->store->segments_fd, copy->row.location,
			   O_WRONLY | O_CREAT | O_EXCL, 0600);
	if (copy->to < 0)
		return error_set_errno(error, ERR_LOCAL, errno,
				       "segment `%s`: cannot be created",
				       copy->row.location);
	int err = copy_all(copy, error);
	if (!err)
		err = sync_copy(copy, error);
	if (io_close(io, copy->to) < 0 && !err)
		err = error_set_errno(error, ERR_LOCAL, errno,
				      "segment `%s`: its copy cannot be closed",
				      copy->segment->location);
	if (err)
		unlink_copy(copy);
	return err;
}

static int tell_catalogue(const struct copy *copy, struct error *error)
{
	struct store *store = copy->store;
	struct buffer encoded AUTO(buffer_fini) = {0};
	holes_encode(&encoded, copy->holes);
	int err = catalogue_move_segment(store->catalogue, &copy->row, &encoded, error);
	if (err)
		err = health_fail_if_broken(&store->health, error);
	/* In a store that has failed nobody knows which of the two the catalogue names.
	 */
	if (err && !atomic_load(&store->health.failed))
		unlink_copy(copy);
	return err;
}

int segment_move(struct store *store, struct segment *segment, const struct holes *holes,
		 struct error *error)
{
	struct copy copy = {.store = store,
			    .segment = segment,
			    .holes = holes ? holes : &segment->holes,
			    .row = segment_table_row(store->segments, segment)};
	next_location(segment, copy.row.location, sizeof(copy.row.location));
	if (copy.holes->bytes > segment->holes.bytes)
		copy.row.state = SEGMENT_OPEN;
	copy.row.holes_bytes = copy.holes->bytes;
	int err = make_copy(&copy, error);
	if (!err)
		err = tell_catalogue(&copy, error);
	if (err)
		return err;
	/* Readers keep the old file by their descriptors; its name can go. */
	if (segment_table_replace(store->segments, segment, &copy.row, copy.holes) < 0)
		health_note(&store->health,
			    "segment `%s`: the old file stays until the next start",
			    segment->location);
	return 0;
}
