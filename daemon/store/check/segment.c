#include <inttypes.h>
#include <string.h>

#include "daemon/store/check/state.h"
#include "daemon/store/segment/damage.h"
#include "daemon/store/segment/segment.h"
#include "proto/base/cleanup.h"

/* The index of a sealed segment, walked beside its frames. */
struct index_walk {
	struct buffer bytes;
	struct reader in;
	struct unit_name *units; /* owned */
	bool present;            /* and no difference was found yet */
	uint32_t frames_left;
};

static void index_walk_fini(struct index_walk *walk)
{
	buffer_fini(&walk->bytes);
	free(walk->units);
}

static void index_differs(struct check *check, const struct segment *segment,
			  struct index_walk *walk)
{
	char text[256];
	(void)snprintf(text, sizeof(text),
		       "segment `%s`: its index is not that of its frames (only the unit "
		       "index uses it)",
		       segment->location);
	struct finding *finding = findings_add(&check->findings, text);
	finding->has_place = false;
	walk->present = false;
}

static void compare_entry(struct check *check, const struct segment *segment,
			  struct index_walk *walk, uint64_t offset)
{
	struct segment_entry entry;
	struct error ignored;
	if (walk->frames_left > 0)
		walk->frames_left--;
	if (!walk->present || walk->bytes.len == 0)
		return;
	int got = segment_index_next(&walk->in, &entry, walk->units, &ignored);
	if (got <= 0 || entry.offset != offset ||
	    entry.header.checksum != check->reader.header.checksum)
		index_differs(check, segment, walk);
}

/* Opens the index; where the frames end. */
static uint64_t open_index(struct check *check, const struct segment *segment,
			   uint64_t vouched, struct index_walk *walk)
{
	struct segment_footer footer;
	struct error error;
	if (segment_reader_index(check->store->io, segment, vouched, &footer,
				 &walk->bytes, &error) < 0) {
		(void)findings_add(&check->findings, error.text);
		return vouched;
	}
	walk->in = reader_of(walk->bytes.at, walk->bytes.len);
	walk->units = must_alloc(FRAME_UNITS_MAX * sizeof(*walk->units));
	walk->frames_left = footer.frame_count;
	walk->present = true;
	return footer.index_offset;
}

/* With read_data: SHA-256 of every unit of the loaded frame. */
static void check_units(struct check *check, const struct segment *segment)
{
	const struct segment_reader *reader = &check->reader;
	const uint8_t *at = reader->raw;
	for (uint32_t i = 0; i < reader->header.unit_count; i++) {
		struct digest sha = sha256_of(at, reader->units[i].key.len);
		at += reader->units[i].key.len;
		if (digest_equal(&sha, &reader->units[i].sha))
			continue;
		char text[256];
		(void)snprintf(text, sizeof(text),
			       "segment `%s` at %" PRIu64
			       ": frame: the SHA-256 of its unit %u does not match",
			       segment->location, reader->offset, i);
		findings_add_at(&check->findings, &segment->id, reader->offset, text);
		return;
	}
}

static void report_progress(struct check *check, uint64_t offset)
{
	if (check->options->on_progress)
		check->options->on_progress(check->options->context, check->done + offset,
					    check->total);
}

/* One frame: whether its head is sound, so that the next one's place is known. */
static bool check_frame(struct check *check, const struct segment *segment,
			uint64_t offset, uint64_t end)
{
	struct segment_reader *reader = &check->reader;
	struct error error;
	if (segment_reader_head(reader, segment, offset, end, &error) < 0) {
		findings_add_at(&check->findings, &segment->id, offset, error.text);
		return false;
	}
	check->figures.frames++;
	check->figures.units += reader->header.unit_count;
	check->figures.bytes += reader->header.raw_len;
	struct frame_header header = reader->header;
	bool marked = damage_has(check->store->damage, &segment->id, offset);
	if (!check->options->read_data && !marked)
		return true;
	if (segment_reader_load(reader, segment, offset, end, &error) < 0)
		findings_add_at(&check->findings, &segment->id, offset, error.text);
	else
		check_units(check, segment);
	reader->header = header; /* a failed load forgets the frame, not its length */
	return true;
}

static void check_frames(struct check *check, const struct segment *segment, uint64_t end,
			 struct index_walk *walk)
{
	uint64_t offset = SEGMENT_HEADER_LEN;
	while ((offset = holes_skip(&segment->holes, offset)) < end) {
		if (check_frame(check, segment, offset, end)) {
			compare_entry(check, segment, walk, offset);
			offset += frame_len(&check->reader.header);
		} else {
			/* The index's entries for the frames after this one cannot be
			 * matched. */
			walk->present = false;
			if (!segment_reader_resync(&check->reader, segment, offset + 1,
						   end, &offset))
				return;
			segment_reader_forget(&check->reader);
		}
		report_progress(check, offset);
	}
	if (walk->present && (walk->in.left > 0 || walk->frames_left > 0))
		index_differs(check, segment, walk);
}

void check_segment(struct check *check, const struct segment_row *row)
{
	struct segment *segment;
	struct error error;
	if (segment_table_pin(check->store->segments, &row->id, &segment, &error) < 0) {
		findings_add_segment(&check->findings, &row->id, error.text);
		return;
	}
	struct index_walk walk AUTO(index_walk_fini) = {0};
	if (segment_reader_check_header(check->store->io, segment, &error) < 0)
		(void)findings_add(&check->findings, error.text);
	uint64_t end = row->vouched;
	if (row->state == SEGMENT_SEALED)
		end = open_index(check, segment, end, &walk);
	check_frames(check, segment, end, &walk);
	segment_reader_forget(&check->reader);
	segment_table_unpin(check->store->segments, segment);
}
