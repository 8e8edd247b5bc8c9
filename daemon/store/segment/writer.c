#include "daemon/store/segment/writer.h"

#include <errno.h>
#include <string.h>

#include "daemon/store/catalogue/catalogue.h"
#include "daemon/store/segment/reader.h"
#include "daemon/store/segment/segment.h"
#include "proto/base/array.h"
#include "proto/base/cleanup.h"

/* Frames go to the file in writes of about this length. */
#define WRITE_LEN (256u * 1024u)

void segment_writer_init(struct segment_writer *writer, struct store *store,
			 int64_t namespace_id)
{
	*writer = (struct segment_writer){.store = store, .namespace_id = namespace_id};
}

/* ---- writing ------------------------------------------------------------------ */

/* Writes, once. Want of room is the caller's error alone; the rest ends the store. */
static int write_once(struct store *store, struct segment *segment,
		      const struct buffer *bytes, uint64_t offset, struct error *error)
{
	if (io_write_at(store->io, segment->fd, bytes->at, bytes->len,
			segment_place(segment, offset)) == 0)
		return 0;
	int number = errno;
	int err = error_set_errno(error, ERR_READ_ONLY, number,
				  "segment `%s` in `%s`: cannot be written",
				  segment->location, store->directory);
	return err == ERR_NO_ROOM ? err : health_fail(&store->health, error);
}

static int sync_once(struct store *store, struct segment *segment, struct error *error)
{
	if (store->io->fdatasync(store->io->context, segment->fd) == 0)
		return 0;
	int number = errno;
	(void)error_set(error, ERR_READ_ONLY, "segment `%s`: cannot be synced: %s",
			segment->location, strerror(number));
	return health_fail(&store->health, error);
}

int segment_writer_flush(struct segment_writer *writer, struct error *error)
{
	if (writer->pending.len == 0)
		return 0;
	const struct segment_written *last = &writer->written[writer->count - 1];
	int err = write_once(writer->store, last->segment, &writer->pending,
			     last->end - writer->pending.len, error);
	if (!err)
		buffer_clear(&writer->pending);
	return err;
}

static struct segment_written *last_of(struct segment_writer *writer)
{
	return writer->count ? &writer->written[writer->count - 1] : NULL;
}

/* Goes on in another segment: one of the pool, or a new one with its header. */
static int take_segment(struct segment_writer *writer, struct error *error)
{
	int err = segment_writer_flush(writer, error);
	if (err)
		return err;
	struct segment_table *table = writer->store->segments;
	struct segment *segment = NULL;
	if (!segment_table_lease(table, writer->namespace_id, &segment))
		err = segment_table_create(table, writer->namespace_id, &segment, error);
	if (err)
		return err;
	array_make_room(writer->written, writer->count, writer->room);
	uint64_t start = segment_table_vouched(table, segment);
	writer->written[writer->count++] = (struct segment_written){
		.segment = segment, .start = start, .end = start};
	if (start > 0)
		return 0;
	struct segment_header header = {segment->id, segment->namespace_id, false};
	uint8_t bytes[SEGMENT_HEADER_LEN];
	segment_header_encode(&header, bytes);
	err = segment_table_reserve(table, segment, sizeof(bytes), error);
	if (err)
		return err;
	buffer_put(&writer->pending, bytes, sizeof(bytes));
	last_of(writer)->end += sizeof(bytes);
	return 0;
}

/* Of what its file holds. */
static bool is_full(const struct store *store, const struct segment_written *written)
{
	return segment_place(written->segment, written->end) >= store->segment_len;
}

int segment_writer_append(struct segment_writer *writer, const struct buffer *head,
			  const void *payload, size_t payload_len,
			  struct segment **ret_segment, uint64_t *ret_offset,
			  struct error *error)
{
	int err = health_check_writable(&writer->store->health, error);
	struct segment_written *last = last_of(writer);
	if (!err && (!last || is_full(writer->store, last)))
		err = take_segment(writer, error);
	if (!err && writer->pending.len >= WRITE_LEN)
		err = segment_writer_flush(writer, error);
	if (!err)
		err = buffer_may_reserve(&writer->pending, head->len + payload_len,
					 error);
	last = last_of(writer);
	size_t len = head->len + payload_len;
	if (!err)
		err = segment_table_reserve(writer->store->segments, last->segment,
					    last->end + len, error);
	if (err)
		return err;
	*ret_segment = last->segment;
	*ret_offset = last->end;
	buffer_put(&writer->pending, head->at, head->len);
	buffer_put(&writer->pending, payload, payload_len);
	last->end += len;
	writer->appended += len;
	return 0;
}

int segment_writer_sync(struct segment_writer *writer, struct error *error)
{
	struct store *store = writer->store;
	int err = segment_writer_flush(writer, error);
	bool created = false;
	for (size_t i = 0; i < writer->count && !err; i++) {
		err = sync_once(store, writer->written[i].segment, error);
		created = created || writer->written[i].start == 0;
	}
	if (err || !created)
		return err;
	if (store->io->fsync(store->io->context, store->segments_fd) == 0)
		return 0;
	int number = errno;
	(void)error_set(error, ERR_READ_ONLY, "`segments`: cannot be synced: %s",
			strerror(number));
	return health_fail(&store->health, error);
}

struct segment_row *segment_writer_rows(const struct segment_writer *writer,
					size_t *ret_count)
{
	struct segment_row *rows = must_calloc(writer->count + 1, sizeof(*rows));
	for (size_t i = 0; i < writer->count; i++) {
		rows[i] = segment_table_row(writer->store->segments,
					    writer->written[i].segment);
		rows[i].vouched = writer->written[i].end;
	}
	*ret_count = writer->count;
	return rows;
}

/* ---- sealing ------------------------------------------------------------------ */

/* Builds index and footer for the `end` bytes of a segment. An index that would be longer
 * than is allowed is left empty. */
static int build_index(struct store *store, struct segment *segment, uint64_t end,
		       struct buffer *ret_out, struct error *error)
{
	struct segment_reader reader AUTO(segment_reader_fini) = {0};
	segment_reader_init(&reader, store->io);
	struct segment_footer footer = {.index_offset = end};
	uint64_t offset = SEGMENT_HEADER_LEN;
	for (; (offset = holes_skip(&segment->holes, offset)) < end;) {
		int err = segment_reader_head(&reader, segment, offset, end, error);
		size_t head_len = err ? 0 : frame_table_end(&reader.header);
		if (!err)
			err = buffer_may_reserve(ret_out, sizeof(offset) + head_len,
						 error);
		if (err)
			return err;
		if (ret_out->len <= SEGMENT_INDEX_LEN_MAX)
			segment_index_put(ret_out, offset, reader.bytes.at, head_len);
		offset += frame_len(&reader.header);
		footer.frame_count++;
	}
	if (ret_out->len > SEGMENT_INDEX_LEN_MAX)
		buffer_clear(ret_out);
	footer.index_len = ret_out->len;
	footer.index_checksum = xxh64_of(ret_out->at, ret_out->len);
	uint8_t bytes[SEGMENT_FOOTER_LEN];
	segment_footer_encode(&footer, bytes);
	buffer_put(ret_out, bytes, sizeof(bytes));
	return 0;
}

/* Appends index and footer to a leased segment that ends at its vouched length, and tells
 * the catalogue. ERR_NO_ROOM and ERR_QUOTA leave it as it was. */
static int seal(struct store *store, struct segment *segment, struct error *error)
{
	struct segment_row row = segment_table_row(store->segments, segment);
	struct buffer index AUTO(buffer_fini) = {0};
	int err = build_index(store, segment, row.vouched, &index, error);
	if (!err)
		err = segment_table_reserve(store->segments, segment,
					    row.vouched + index.len, error);
	if (!err)
		err = write_once(store, segment, &index, row.vouched, error);
	if (err == ERR_NO_ROOM)
		(void)store->io->ftruncate(store->io->context, segment->fd,
					   (off_t)segment_place(segment, row.vouched));
	if (!err)
		err = sync_once(store, segment, error);
	if (err)
		return err;
	row.vouched += index.len;
	row.state = SEGMENT_SEALED;
	err = catalogue_update_segment(store->catalogue, &row, error);
	if (err)
		return health_fail_if_broken(&store->health, error);
	segment_table_vouch(store->segments, segment, row.vouched, row.state);
	return 0;
}

/* ---- commit and abort --------------------------------------------------------- */

static void end(struct segment_writer *writer)
{
	free(writer->written);
	buffer_fini(&writer->pending);
	segment_writer_init(writer, writer->store, writer->namespace_id);
	struct error error = {0};
	(void)health_fail_if_broken(&writer->store->health, &error);
}

static void commit_one(struct store *store, struct segment_written *written)
{
	segment_table_vouch(store->segments, written->segment, written->end,
			    SEGMENT_OPEN);
	bool full = is_full(store, written);
	struct error error = {0};
	if (full && seal(store, written->segment, &error) < 0)
		health_note(&store->health, "sealing: %s", error.text);
	segment_table_return(store->segments, written->segment, !full);
}

void segment_writer_commit(struct segment_writer *writer)
{
	for (size_t i = 0; i < writer->count; i++)
		commit_one(writer->store, &writer->written[i]);
	end(writer);
}

static void abort_one(struct store *store, struct segment_written *written)
{
	bool failed = atomic_load(&store->health.failed);
	if (written->start == 0) {
		segment_table_drop(store->segments, written->segment, failed);
		return;
	}
	bool cut = !failed &&
		   store->io->ftruncate(
			   store->io->context, written->segment->fd,
			   (off_t)segment_place(written->segment, written->start)) == 0;
	segment_table_return(store->segments, written->segment, cut);
}

void segment_writer_abort(struct segment_writer *writer)
{
	for (size_t i = 0; i < writer->count; i++)
		abort_one(writer->store, &writer->written[i]);
	end(writer);
}
