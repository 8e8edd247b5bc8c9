#include <stdlib.h>
#include <string.h>

#include "daemon/store/check/state.h"
#include "daemon/store/index/batch.h"
#include "daemon/store/layer/map.h"
#include "daemon/store/layer/parts.h"
#include "daemon/store/segment/pins.h"
#include "daemon/store/segment/segment.h"
#include "proto/base/array.h"
#include "proto/base/cleanup.h"

/* One unit that a piece mentions, and the frame that its block names. */
struct mention {
	struct unit_name name;
	uint32_t frame;
};

struct layer_check {
	struct check *check; /* borrowed */
	struct check_label label;
	struct segment_pins pins;
	struct layer_map map;
	struct row_decoder decoder;
	bool in_sequence; /* the piece before was decoded */
	struct block block;
	struct mention *mentions; /* owned */
	size_t mention_count, mention_room;
	/* The table of the frame looked at last, sorted. */
	struct unit_name *table; /* owned */
	uint32_t table_count;
	const struct segment *table_segment; /* borrowed */
	uint64_t table_offset;
};

static void layer_check_fini(struct layer_check *layer)
{
	row_decoder_fini(&layer->decoder);
	block_fini(&layer->block);
	layer_map_fini(&layer->map);
	free(layer->mentions);
	free(layer->table);
	segment_pins_fini(&layer->pins, layer->check->store->segments);
	/* The readers must not take a segment that comes later for one that was unpinned.
	 */
	segment_reader_forget(&layer->check->reader);
	segment_reader_forget(&layer->check->blocks);
	segment_reader_forget(&layer->check->heads);
}

static void found(struct layer_check *layer, const char *sentence, bool whole)
{
	finding_touches(findings_add(&layer->check->findings, sentence), &layer->label,
			whole);
}

/* Something of the layer cannot be read: its damage is known by its place, or is told as
 * the layer's own. */
static void unreadable(struct layer_check *layer, bool known, const struct error *error)
{
	if (!known)
		found(layer, error->text, false);
}

/* What is not where it should be, and is elsewhere. */
static void displaced(struct layer_check *layer, bool known, const char *what)
{
	char text[128];
	(void)snprintf(text, sizeof(text), "layer %s: its %s is not where it should be",
		       layer->map.name, what);
	if (!known)
		found(layer, text, true);
}

/* Its segments' findings are taken as its own where it cannot be read to know better. */
static bool touch_all(struct layer_check *layer, const struct layer_place *place)
{
	bool known = false;
	for (size_t i = 0; i < place->segment_count; i++)
		known = findings_touch_segment(&layer->check->findings, &layer->label,
					       &place->segments[i]) ||
			known;
	return known;
}

/* ---- units where the block says ----------------------------------------------- */

static int compare_mentions(const void *a, const void *b)
{
	const struct mention *left = a, *right = b;
	return (left->frame > right->frame) - (left->frame < right->frame);
}

static int compare_names(const void *a, const void *b)
{
	return unit_name_compare(a, b);
}

/* Reads and sorts the frame's table, unless it is the one at hand. */
static int load_table(struct layer_check *layer, const struct segment *segment,
		      const struct block_frame *frame, struct error *error)
{
	if (layer->table_segment == segment && layer->table_offset == frame->offset)
		return 0;
	struct segment_reader *heads = &layer->check->heads;
	layer->table_segment = NULL;
	int err = segment_reader_head(heads, segment, frame->offset, SEGMENT_END_UNKNOWN,
				      error);
	if (!err && frame_len(&heads->header) != frame->len)
		err = error_set(error, ERR_DAMAGED,
				"segment `%s`: a frame has not the length that a block "
				"of layer %s says",
				segment->location, layer->map.name);
	if (err)
		return err;
	layer->table_count = heads->header.unit_count;
	memcpy(layer->table, heads->units, layer->table_count * sizeof(*layer->table));
	qsort(layer->table, layer->table_count, sizeof(*layer->table), compare_names);
	layer->table_segment = segment;
	layer->table_offset = frame->offset;
	return 0;
}

/* Looks up the mentions of one frame: false where one is missing. */
static bool all_there(const struct layer_check *layer, size_t first, size_t end)
{
	for (size_t i = first; i < end; i++)
		if (!bsearch(&layer->mentions[i].name, layer->table, layer->table_count,
			     sizeof(*layer->table), compare_names))
			return false;
	return true;
}

static void check_frame_of_block(struct layer_check *layer, size_t piece, size_t first,
				 size_t end)
{
	const struct block_frame *frame =
		&layer->block.frames[layer->mentions[first].frame];
	const struct segment_id *id = &layer->block.segments.ids[frame->segment];
	const struct segment *segment = segment_pins_find(&layer->pins, id);
	bool known = findings_touch(&layer->check->findings, &layer->label, id,
				    frame->offset, false);
	struct error error;
	if (load_table(layer, segment, frame, &error) < 0) {
		unreadable(layer, known, &error);
		return;
	}
	if (all_there(layer, first, end))
		return;
	(void)error_set(&error, ERR_DAMAGED,
			"layer %s: piece %zu: a unit is not in the frame that its block "
			"names",
			layer->map.name, piece);
	unreadable(layer, false, &error);
}

static void check_block(struct layer_check *layer, size_t piece)
{
	if (layer->mention_count != layer->block.mention_count) {
		found(layer, "a piece has not as many units as its block", false);
		return;
	}
	for (size_t i = 0; i < layer->mention_count; i++)
		layer->mentions[i].frame = layer->block.mentions[i];
	if (layer->mention_count > 0) /* a piece of directories alone has no array */
		qsort(layer->mentions, layer->mention_count, sizeof(*layer->mentions),
		      compare_mentions);
	for (size_t first = 0; first < layer->mention_count;) {
		size_t end = first + 1;
		while (end < layer->mention_count &&
		       layer->mentions[end].frame == layer->mentions[first].frame)
			end++;
		check_frame_of_block(layer, piece, first, end);
		first = end;
	}
}

/* ---- pieces ------------------------------------------------------------------- */

static void note_row(struct layer_check *layer, const struct row *row)
{
	for (size_t i = 0; i < row->unit_count; i++) {
		array_make_room(layer->mentions, layer->mention_count,
				layer->mention_room);
		layer->mentions[layer->mention_count++].name = row->units[i];
	}
}

static int decode_piece(struct layer_check *layer, size_t piece, struct error *error)
{
	const uint8_t *bytes;
	int err = layer_parts_piece(&layer->map, piece, &layer->check->reader, &bytes,
				    error);
	if (err)
		return err;
	size_t len = layer->map.root.pieces[piece].name.key.len;
	err = layer->in_sequence ? piece_continue(&layer->decoder, bytes, len, error)
				 : piece_open(&layer->decoder, bytes, len, error);
	layer->mention_count = 0;
	struct row row;
	int got = err;
	while (!err && (got = row_decoder_next(&layer->decoder, &row, error)) > 0)
		note_row(layer, &row);
	return got < 0 ? layer_map_error(&layer->map, error) : 0;
}

/* What the block that was written names, be its frames there or not. */
static bool touch_own_block(struct layer_check *layer, size_t piece, bool known,
			    bool whole)
{
	struct block own AUTO(block_fini) = {0};
	struct error ignored;
	if (layer_map_block(&layer->map, piece, &layer->check->blocks, &own, &ignored) <
	    0) {
		if (whole)
			displaced(layer, known, "block");
		return known || whole || touch_all(layer, &layer->map.place);
	}
	for (size_t i = 0; i < own.frame_count; i++)
		known = findings_touch(&layer->check->findings, &layer->label,
				       &own.segments.ids[own.frames[i].segment],
				       own.frames[i].offset, whole) ||
			known;
	return known;
}

/* It was read, but perhaps not where the placement says. */
static void check_own_piece(struct layer_check *layer, size_t piece, bool known)
{
	const uint8_t *bytes;
	struct error ignored;
	if (layer_map_piece(&layer->map, piece, &layer->check->reader, &bytes, &ignored) <
	    0)
		displaced(layer, known, "piece");
}

static void check_places(struct layer_check *layer, size_t piece, bool decoded,
			 bool *ret_known, bool placed)
{
	const struct piece_place *place = layer_map_piece_place(&layer->map, piece);
	const struct segment_id *ids = layer->map.placement.segments.ids;
	if (!place)
		return;
	bool known = findings_touch(&layer->check->findings, &layer->label,
				    &ids[place->segment], place->offset, decoded);
	if (decoded)
		check_own_piece(layer, piece, known);
	bool block = findings_touch(&layer->check->findings, &layer->label,
				    &ids[place->block_segment], place->block_offset,
				    placed);
	*ret_known = touch_own_block(layer, piece, block, placed) || known;
}

static void check_piece(struct layer_check *layer, size_t piece)
{
	struct error why, error;
	bool decoded = decode_piece(layer, piece, &why) == 0;
	layer->in_sequence = decoded;
	block_fini(&layer->block);
	bool placed = layer_parts_block(&layer->map, piece, &layer->check->blocks,
					&layer->block, &error) == 0;
	bool known = false;
	check_places(layer, piece, decoded, &known, placed);
	if (!decoded)
		unreadable(layer, known, &why);
	if (!placed)
		unreadable(layer, known, &error);
	else if (decoded)
		check_block(layer, piece);
}

/* ---- the layer ---------------------------------------------------------------- */

static int label_of(struct check *check, int64_t layer_id, struct check_label *label,
		    struct error *error)
{
	struct layer_record record AUTO(layer_record_fini) = {0};
	int err =
		catalogue_layer_record(check->store->catalogue, layer_id, &record, error);
	if (err)
		return err;
	char name[LAYER_ID_TEXT_SIZE];
	layer_id_text(record.name, name);
	label->layer_id = layer_id;
	(void)snprintf(label->text, sizeof(label->text), "%s (workflow `%s`, job `%s`)",
		       name, record.workflow, record.job);
	return 0;
}

/* Root or placement cannot be had. */
static void lost(struct layer_check *layer, int64_t layer_id, const struct error *why)
{
	struct layer_place place = {0};
	struct error ignored;
	bool known = false;
	if (catalogue_layer_place(layer->check->store->catalogue, layer_id, &place,
				  &ignored) == 0)
		known = touch_all(layer, &place);
	free(place.segments);
	unreadable(layer, known, why);
}

void check_layer(struct check *check, int64_t layer_id)
{
	struct layer_check layer AUTO(layer_check_fini) = {.check = check};
	struct error error;
	if (label_of(check, layer_id, &layer.label, &error) < 0) {
		(void)findings_add(&check->findings, error.text);
		return;
	}
	if (layer_map_load(check->store, layer_id, &layer.pins, &check->blocks,
			   &layer.map, &error) < 0) {
		lost(&layer, layer_id, &error);
		return;
	}
	layer.table = must_alloc(FRAME_UNITS_MAX * sizeof(*layer.table));
	const struct layer_place *place = &layer.map.place;
	bool known = findings_touch(&check->findings, &layer.label, &place->root.segment,
				    place->root.offset, true);
	if (layer.map.root_borrowed)
		displaced(&layer, known, "root");
	known = findings_touch(&check->findings, &layer.label, &place->placement.segment,
			       place->placement.offset, true);
	if (layer.map.placement_lost)
		displaced(&layer, known, "placement");
	for (size_t i = 0; i < layer.map.root.piece_count; i++)
		check_piece(&layer, i);
}
