#include "daemon/store/removal/victim.h"

#include "daemon/store/life/removal.h"
#include "daemon/store/segment/move.h"
#include "daemon/store/segment/segment.h"
#include "daemon/store/transaction/commit_frame.h"
#include "proto/base/cleanup.h"

uint64_t victim_stored(const struct store *store, const struct mark_segment *of)
{
	return segment_place(of->segment,
			     segment_table_vouched(store->segments, of->segment));
}

bool victim_is_dead(const struct mark_segment *of)
{
	return of->layers == 0;
}

bool victim_is_sparse(const struct store *store, const struct mark_segment *of,
		      uint64_t least_gain)
{
	uint64_t stored = victim_stored(store, of);
	return of->bytes < stored / 100 * VICTIM_ALIVE_PERCENT &&
	       stored - of->bytes >= least_gain;
}

int victim_remove(struct store *store, const struct mark_segment *of, struct error *error)
{
	claim(victim_is_dead(of) && of->count == 0);
	int err = catalogue_remove_segment(store->catalogue, &of->segment->id, error);
	if (err)
		return health_fail_if_broken(&store->health, error);
	segment_table_drop(store->segments, of->segment, false);
	return 0;
}

/* ---- compaction ------------------------------------------------------------------ */

/* A walk over the frames of a segment, beside those that are needed. */
struct frame_walk {
	struct store *store;           /* borrowed */
	const struct mark_segment *of; /* borrowed */
	struct segment_reader reader;
	size_t next; /* of the needed ones */
	struct holes holes;
};

static void walk_fini(struct frame_walk *walk)
{
	segment_reader_fini(&walk->reader);
	holes_fini(&walk->holes);
}

/* A commit frame tells a rebuild of a layer, and is carried along as long as that is
 * there.
 */
static int is_carried(struct frame_walk *walk, uint64_t offset, uint64_t end,
		      bool *ret_carried, struct error *error)
{
	struct segment_reader *reader = &walk->reader;
	struct stamp_mark mark;
	struct layer_facts facts AUTO(layer_facts_fini) = {0};
	*ret_carried = false;
	if (reader->header.kind != FRAME_COMMIT)
		return 0;
	int err = segment_reader_load(reader, walk->of->segment, offset, end, error);
	int told = err ? err
		       : commit_frame_decode_layer(reader->raw, reader->header.raw_len,
						   &mark, &facts, error);
	if (told <= 0)
		return told;
	return removal_is_there(walk->store->catalogue, facts.name, ret_carried, error);
}

/* The frame at the offset is passed over; what nobody needs becomes a hole. */
static int pass(struct frame_walk *walk, uint64_t *offset, uint64_t end,
		struct error *error)
{
	const struct mark_segment *of = walk->of;
	const struct mark_frame *needed = walk->next < of->count ? &of->frames[walk->next]
								 : NULL;
	if (needed && needed->offset == *offset) {
		*offset += needed->len;
		walk->next++;
		return 0;
	}
	int err = segment_reader_head(&walk->reader, of->segment, *offset, end, error);
	if (err)
		return err;
	uint64_t len = frame_len(&walk->reader.header);
	bool carried;
	err = is_carried(walk, *offset, end, &carried, error);
	if (err)
		return err;
	if (needed && *offset + len > needed->offset)
		return error_set(error, ERR_DAMAGED,
				 "segment `%s`: a needed frame begins within another",
				 of->segment->location);
	if (!carried)
		holes_add(&walk->holes, *offset, len);
	*offset += len;
	return 0;
}

/* The holes that it has already are holes of the copy. */
static void pass_hole(struct frame_walk *walk, uint64_t *offset)
{
	uint64_t end = holes_skip(&walk->of->segment->holes, *offset);
	holes_add(&walk->holes, *offset, end - *offset);
	*offset = end;
}

/* Where the frames end, in front of an index. */
static int end_of_frames(struct store *store, const struct mark_segment *of,
			 uint64_t vouched, uint64_t *ret_end, struct error *error)
{
	struct segment_row row = segment_table_row(store->segments, of->segment);
	*ret_end = vouched;
	if (row.state != SEGMENT_SEALED)
		return 0;
	struct buffer index AUTO(buffer_fini) = {0};
	struct segment_footer footer;
	int err = segment_reader_index(store->io, of->segment, vouched, &footer, &index,
				       error);
	if (!err)
		*ret_end = footer.index_offset;
	return err;
}

static int find_holes(struct frame_walk *walk, struct error *error)
{
	struct store *store = walk->store;
	uint64_t vouched = segment_table_vouched(store->segments, walk->of->segment);
	uint64_t end;
	int err = end_of_frames(store, walk->of, vouched, &end, error);
	for (uint64_t offset = SEGMENT_HEADER_LEN; offset < end && !err;) {
		if (holes_extent(&walk->of->segment->holes, offset) == 0)
			pass_hole(walk, &offset);
		else
			err = pass(walk, &offset, end, error);
	}
	if (err)
		return err;
	if (walk->next < walk->of->count)
		return error_set(error, ERR_DAMAGED,
				 "segment `%s`: a needed frame is not where it should be",
				 walk->of->segment->location);
	holes_add(&walk->holes, end, vouched - end);
	holes_close(&walk->holes, &walk->of->segment->holes);
	return 0;
}

int victim_compact(struct store *store, const struct mark_segment *of,
		   struct error *error)
{
	struct frame_walk walk AUTO(walk_fini) = {.store = store, .of = of};
	segment_reader_init(&walk.reader, store->io);
	int err = find_holes(&walk, error);
	if (err || walk.holes.bytes <= of->segment->holes.bytes)
		return err;
	return segment_move(store, of->segment, &walk.holes, error);
}
