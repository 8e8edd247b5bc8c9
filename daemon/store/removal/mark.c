#include "daemon/store/removal/mark.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/store/layer/map.h"
#include "daemon/store/life/removal.h"
#include "daemon/store/segment/segment.h"
#include "proto/base/array.h"
#include "proto/base/cleanup.h"

void marks_init(struct marks *marks, struct store *store, struct segment *const *segments,
		size_t count)
{
	*marks = (struct marks){.store = store, .segment_count = count};
	marks->segments = must_calloc(count + 1, sizeof(*marks->segments));
	for (size_t i = 0; i < count; i++)
		marks->segments[i].segment = segments[i];
	segment_reader_init(&marks->reader, store->io);
	segment_reader_init(&marks->heads, store->io);
}

void marks_fini(struct marks *marks)
{
	for (size_t i = 0; i < marks->segment_count; i++)
		free(marks->segments[i].frames);
	free(marks->segments);
	free(marks->met);
	slots_fini(&marks->by_place);
	segment_reader_fini(&marks->reader);
	segment_reader_fini(&marks->heads);
}

/* ---- what was met ----------------------------------------------------------------- */

static uint32_t hash_of(const struct mark_place *place)
{
	uint64_t id;
	memcpy(&id, place->segment.bytes, sizeof(id));
	return (uint32_t)(((id ^ place->offset) * 0x9e3779b97f4a7c15u) >> 32);
}

static uint32_t hash_at(const void *context, uint32_t position)
{
	const struct marks *marks = context;
	return hash_of(&marks->met[position]);
}

/* Whether this is the first time, as a frame that is needed or as a block to be read. */
static bool meet(struct marks *marks, const struct segment_id *id, uint64_t offset,
		 bool read)
{
	struct mark_place place = {*id, offset, read};
	struct slots_walk walk = slots_walk(&marks->by_place, hash_of(&place));
	for (uint32_t i; slots_next(&walk, &i);)
		if (marks->met[i].offset == offset && marks->met[i].read == read &&
		    segment_id_equal(&marks->met[i].segment, id))
			return false;
	array_make_room(marks->met, marks->met_count, marks->met_room);
	marks->met[marks->met_count] = place;
	slots_add(&marks->by_place, hash_of(&place), marks->met_count, hash_at, marks);
	marks->met_count++;
	return true;
}

static struct mark_segment *find(const struct marks *marks, const struct segment_id *id)
{
	for (size_t i = 0; i < marks->segment_count; i++)
		if (segment_id_equal(&marks->segments[i].segment->id, id))
			return &marks->segments[i];
	return NULL;
}

/* ---- frames ----------------------------------------------------------------------- */

static void put(struct mark_segment *of, uint64_t offset, uint64_t len)
{
	array_make_room(of->frames, of->count, of->room);
	of->frames[of->count++] = (struct mark_frame){offset, len};
	of->bytes += len;
}

/* One that a placement or the catalogue names, without saying how long it is. */
static int mark_single(struct marks *marks, const struct segment_id *id, uint64_t offset,
		       struct error *error)
{
	struct mark_segment *of = find(marks, id);
	if (!of || !meet(marks, id, offset, false))
		return 0;
	/* A layer is in the catalogue before the table hears how far its segment is
	 * vouched for now. */
	int err = segment_reader_head(&marks->heads, of->segment, offset,
				      SEGMENT_END_UNKNOWN, error);
	if (!err)
		put(of, offset, frame_len(&marks->heads.header));
	return err;
}

static int mark_block(struct marks *marks, const struct layer_map *map, size_t piece,
		      struct error *error)
{
	struct block block AUTO(block_fini) = {0};
	int err = layer_map_block(map, piece, &marks->reader, &block, error);
	for (size_t i = 0; i < block.frame_count && !err; i++) {
		const struct block_frame *frame = &block.frames[i];
		const struct segment_id *id = &block.segments.ids[frame->segment];
		struct mark_segment *of = find(marks, id);
		if (of && meet(marks, id, frame->offset, false))
			put(of, frame->offset, frame->len);
	}
	return err;
}

/* ---- layers ----------------------------------------------------------------------- */

/* Whether the block of a piece names one of the segments; where that is not said it may.
 */
static bool names_any(const struct marks *marks, const struct placement *placement,
		      const struct piece_place *piece)
{
	if (!placement->is_exact)
		return true;
	for (size_t i = 0; i < piece->named_count; i++)
		if (find(marks, &placement->segments
					 .ids[placement->named[piece->named_first + i]]))
			return true;
	return false;
}

static int mark_piece(struct marks *marks, const struct layer_map *map, size_t piece,
		      struct error *error)
{
	const struct placement *placement = &map->placement;
	const struct piece_place *place = &placement->pieces[piece];
	const struct segment_id *block = &placement->segments.ids[place->block_segment];
	int err = mark_single(marks, &placement->segments.ids[place->segment],
			      place->offset, error);
	if (!err)
		err = mark_single(marks, block, place->block_offset, error);
	if (err || !names_any(marks, placement, place) ||
	    !meet(marks, block, place->block_offset, true))
		return err;
	return mark_block(marks, map, piece, error);
}

/* What was made anew, or found elsewhere, is not what the catalogue says: damage. */
static int check_map(const struct layer_map *map, struct error *error)
{
	if (!map->root_borrowed && !map->placement_lost)
		return 0;
	return error_set(error, ERR_DAMAGED, "layer %s: its %s is damaged", map->name,
			 map->placement_lost ? "placement" : "root");
}

static int mark_map(struct marks *marks, const struct layer_map *map, struct error *error)
{
	const struct layer_place *place = &map->place;
	int err = check_map(map, error);
	if (!err)
		err = mark_single(marks, &place->root.segment, place->root.offset, error);
	if (!err)
		err = mark_single(marks, &place->placement.segment,
				  place->placement.offset, error);
	for (size_t i = 0; i < map->placement.piece_count && !err; i++)
		err = mark_piece(marks, map, i, error);
	return err;
}

static int mark_layer(struct marks *marks, int64_t layer_id, struct error *error)
{
	struct segment_pins pins = {0};
	struct layer_map map = {0};
	int err = layer_map_load(marks->store, layer_id, &pins, &marks->reader, &map,
				 error);
	if (!err)
		err = mark_map(marks, &map, error);
	layer_map_fini(&map);
	/* The reader must not take a segment that comes later for one that was unpinned.
	 */
	segment_reader_forget(&marks->reader);
	segment_pins_fini(&pins, marks->store->segments);
	return err;
}

/* ---- the whole -------------------------------------------------------------------- */

static int compare_ids(const void *a, const void *b)
{
	const int64_t *left = a, *right = b;
	return (*left > *right) - (*left < *right);
}

static bool counts(const struct marks *marks, int64_t layer_id)
{
	return marks->without_count == 0 ||
	       !bsearch(&layer_id, marks->without, marks->without_count, sizeof(layer_id),
			compare_ids);
}

struct id_list {
	int64_t *ids; /* owned */
	size_t count, room;
};

static void id_list_fini(struct id_list *list)
{
	free(list->ids);
}

static int list_layers(struct marks *marks, struct id_list *list, struct error *error)
{
	for (size_t i = 0; i < marks->segment_count; i++) {
		int64_t *ids AUTO_FREE = NULL;
		size_t count = 0;
		int err = removal_layers_of(marks->store->catalogue,
					    &marks->segments[i].segment->id, &ids, &count,
					    error);
		if (err)
			return err;
		for (size_t j = 0; j < count; j++) {
			if (!counts(marks, ids[j]))
				continue;
			marks->segments[i].layers++;
			array_make_room(list->ids, list->count, list->room);
			list->ids[list->count++] = ids[j];
		}
	}
	if (list->count > 1)
		qsort(list->ids, list->count, sizeof(*list->ids), compare_ids);
	return 0;
}

static int compare_frames(const void *a, const void *b)
{
	const struct mark_frame *left = a, *right = b;
	return (left->offset > right->offset) - (left->offset < right->offset);
}

static int sort_frames(struct mark_segment *of, struct error *error)
{
	if (of->count > 1)
		qsort(of->frames, of->count, sizeof(*of->frames), compare_frames);
	for (size_t i = 1; i < of->count; i++)
		if (of->frames[i - 1].offset + of->frames[i - 1].len >
		    of->frames[i].offset)
			return error_set(error, ERR_DAMAGED,
					 "segment `%s`: layers do not agree where its "
					 "frame at %" PRIu64 " ends",
					 of->segment->location, of->frames[i - 1].offset);
	return 0;
}

int marks_run(struct marks *marks, struct error *error)
{
	struct id_list list AUTO(id_list_fini) = {0};
	int err = list_layers(marks, &list, error);
	for (size_t i = 0; i < list.count && !err; i++) {
		if (i > 0 && list.ids[i] == list.ids[i - 1])
			continue;
		err = marks->breathe && !marks->breathe(marks->context)
			      ? error_set(error, ERR_INTERRUPTED, "removal was stopped")
			      : mark_layer(marks, list.ids[i], error);
	}
	for (size_t i = 0; i < marks->segment_count && !err; i++)
		err = sort_frames(&marks->segments[i], error);
	return err;
}
