#include "daemon/scrub/step.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/store/disk/parts.h"
#include "daemon/store/segment/damage.h"
#include "daemon/store/segment/holes.h"
#include "daemon/store/segment/segment.h"
#include "daemon/store/segment/table.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"

#define FILE_NAME "scrub"
#define FILE_ROOM 128u

void scrub_step_init(struct scrub_step *step, struct store *store)
{
	*step = (struct scrub_step){.store = store};
	segment_reader_init(&step->reader, store->io);
}

void scrub_step_fini(struct scrub_step *step)
{
	segment_reader_fini(&step->reader);
}

/* ---- which segment ---------------------------------------------------------------- */

/* The first row that is not before the id; the count where there is none. */
static size_t row_from(const struct segment_row *rows, size_t count,
		       const struct segment_id *id)
{
	size_t at = 0;
	while (at < count && segment_id_compare(&rows[at].id, id) < 0)
		at++;
	return at;
}

uint64_t scrub_total(struct store *store)
{
	size_t count;
	struct segment_row *rows AUTO_FREE = segment_table_rows(store->segments, &count);
	uint64_t total = 0;
	for (size_t i = 0; i < count; i++)
		total += rows[i].vouched;
	return total;
}

uint64_t scrub_wait_ms(uint64_t period_ms, uint64_t len, uint64_t total)
{
	if (total == 0)
		return period_ms < SCRUB_SLOWEST_MS ? period_ms : SCRUB_SLOWEST_MS;
	double wait = (double)period_ms * (double)len / (double)total;
	return wait < SCRUB_SLOWEST_MS ? (uint64_t)wait : SCRUB_SLOWEST_MS;
}

/* ---- frames ----------------------------------------------------------------------- */

/* The loaded frame's units are what their names say: 0, ERR_DAMAGED. */
static int check_units(const struct segment_reader *reader, struct error *error)
{
	const uint8_t *at = reader->raw;
	for (uint32_t i = 0; i < reader->header.unit_count; i++) {
		struct digest sha = sha256_of(at, reader->units[i].key.len);
		at += reader->units[i].key.len;
		if (!digest_equal(&sha, &reader->units[i].sha))
			return error_set(error, ERR_DAMAGED,
					 "segment `%s` at %" PRIu64
					 ": frame: the SHA-256 of its unit %u does not "
					 "match",
					 reader->segment->location, reader->offset, i);
	}
	return 0;
}

static void found(struct scrub_step *step, const struct segment *segment, uint64_t offset,
		  const struct error *error)
{
	if (error->code == ERR_DAMAGED &&
	    damage_mark(step->store->damage, &segment->id, offset))
		step->on_damage(step->context, error->text);
}

/* Where the next frame is, after one that was read; `end` where none is found. */
static uint64_t read_frame(struct scrub_step *step, const struct segment *segment,
			   uint64_t offset, uint64_t end)
{
	struct segment_reader *reader = &step->reader;
	struct error error = {0};
	segment_reader_forget(reader);
	bool sound = segment_reader_head(reader, segment, offset, end, &error) == 0;
	uint64_t next = sound ? offset + frame_len(&reader->header) : end;
	if (sound && segment_reader_load(reader, segment, offset, end, &error) == 0)
		(void)check_units(reader, &error);
	found(step, segment, offset, &error);
	if (!sound)
		(void)segment_reader_resync(reader, segment, offset + 1, end, &next);
	return next;
}

/* Frames end where the index begins; where that cannot be read, where they cannot. */
static uint64_t frames_end(struct scrub_step *step, const struct segment *segment,
			   const struct segment_row *row)
{
	struct buffer index AUTO(buffer_fini) = {0};
	struct segment_footer footer;
	struct error error;
	if (row->state != SEGMENT_SEALED)
		return row->vouched;
	if (step->frames_end && segment_id_equal(&step->ended, &row->id))
		return step->frames_end;
	int err = segment_reader_index(step->store->io, segment, row->vouched, &footer,
				       &index, &error);
	step->ended = row->id;
	step->frames_end = err ? row->vouched : footer.index_offset;
	return step->frames_end;
}

/* True: its end was reached. */
static bool read_segment(struct scrub_step *step, const struct segment *segment,
			 const struct segment_row *row, struct scrub_place *place,
			 uint64_t len)
{
	uint64_t end = frames_end(step, segment, row);
	uint64_t begin = place->offset;
	if (place->offset < SEGMENT_HEADER_LEN)
		place->offset = SEGMENT_HEADER_LEN;
	while ((place->offset = holes_skip(&segment->holes, place->offset)) < end &&
	       place->offset - begin < len)
		place->offset = read_frame(step, segment, place->offset, end);
	return place->offset >= end;
}

bool scrub_step_run(struct scrub_step *step, struct scrub_place *place, uint64_t len,
		    uint64_t *ret_read)
{
	struct segment_table *table = step->store->segments;
	size_t count;
	struct segment_row *rows AUTO_FREE = segment_table_rows(table, &count);
	size_t at = row_from(rows, count, &place->segment);
	*ret_read = 0;
	if (at == count) {
		*place = (struct scrub_place){0};
		return true;
	}
	if (!segment_id_equal(&rows[at].id, &place->segment))
		*place = (struct scrub_place){.segment = rows[at].id};
	uint64_t begin = place->offset;
	struct segment *segment;
	struct error ignored;
	bool ended = true;
	if (segment_table_pin(table, &rows[at].id, &segment, &ignored) == 0) {
		ended = read_segment(step, segment, &rows[at], place, len);
		segment_reader_forget(&step->reader);
		segment_table_unpin(table, segment);
		*ret_read = place->offset > begin ? place->offset - begin : 0;
	}
	if (!ended)
		return false;
	bool last = at + 1 == count;
	*place = (struct scrub_place){0};
	if (!last)
		place->segment = rows[at + 1].id;
	return last;
}

/* ---- where it stands -------------------------------------------------------------- */

void scrub_place_read(const struct store *store, struct scrub_place *ret_place,
		      int64_t *ret_ended_ms)
{
	char text[FILE_ROOM] = "", id[SEGMENT_ID_TEXT_SIZE];
	*ret_place = (struct scrub_place){0};
	*ret_ended_ms = 0;
	int fd = io_open(store->io, store->directory_fd, FILE_NAME, O_RDONLY | O_NOFOLLOW,
			 0);
	if (fd < 0)
		return;
	ssize_t len = store->io->pread(store->io->context, fd, text, FILE_ROOM - 1, 0);
	text[len > 0 ? len : 0] = '\0';
	(void)io_close(store->io, fd);
	struct scrub_place place;
	int64_t ended_ms;
	if (sscanf(text, "%32[0-9a-f] %" SCNu64 " %" SCNd64 "\n", id, &place.offset,
		   &ended_ms) != 3 ||
	    !hex_decode(id, SEGMENT_ID_LEN, place.segment.bytes))
		return;
	*ret_place = place;
	*ret_ended_ms = ended_ms;
}

void scrub_place_write(const struct store *store, const struct scrub_place *place,
		       int64_t ended_ms)
{
	char text[FILE_ROOM], id[SEGMENT_ID_TEXT_SIZE];
	int len = snprintf(text, sizeof(text), "%s %020" PRIu64 " %020" PRId64 "\n",
			   segment_id_text(&place->segment, id), place->offset, ended_ms);
	int fd = io_open(store->io, store->directory_fd, FILE_NAME,
			 O_WRONLY | O_CREAT | O_NOFOLLOW, 0600);
	if (fd < 0)
		return;
	(void)io_write_at(store->io, fd, text, (size_t)len, 0);
	(void)io_close(store->io, fd);
}
