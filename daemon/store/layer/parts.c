#include "daemon/store/layer/parts.h"

#include "daemon/store/disk/parts.h"
#include "daemon/store/layer/healing.h"
#include "daemon/store/segment/damage.h"
#include "daemon/store/segment/pins.h"
#include "proto/base/cleanup.h"

/* ---- pieces ------------------------------------------------------------------- */

/* Another copy of the piece. */
static bool find_piece(const struct layer_map *map, size_t piece,
		       struct segment_reader *reader, const uint8_t **ret_bytes)
{
	const struct unit_name *name = &map->root.pieces[piece].name;
	struct healer healer AUTO(healer_fini) = {0};
	healer_init(&healer, map->store, map->namespace_id, map->pins);
	struct frame_place place;
	uint32_t position;
	struct error ignored;
	return healer_find(&healer, name, &place, &position) &&
	       layer_map_piece_at(name, &place, position, reader, ret_bytes, &ignored) ==
		       0;
}

int layer_parts_piece(const struct layer_map *map, size_t piece,
		      struct segment_reader *reader, const uint8_t **ret_bytes,
		      struct error *error)
{
	int err = layer_map_piece(map, piece, reader, ret_bytes, error);
	if (!err || (err == ERR_DAMAGED && find_piece(map, piece, reader, ret_bytes)))
		return 0;
	struct error why = *error;
	return error_set(error, why.code, "layer %s: piece %zu: %s", map->name, piece,
			 why.text);
}

/* ---- a block made anew --------------------------------------------------------- */

struct heal {
	const struct layer_map *map; /* borrowed */
	const struct block *own;     /* borrowed, or NULL */
	struct healer healer;
	struct block block; /* the new one */
	uint64_t mention;   /* that is placed next */
};

static void heal_fini(struct heal *heal)
{
	healer_fini(&heal->healer);
	block_fini(&heal->block);
}

/* What is persisted together lies together: the latest frame is the likeliest. */
static int put_mention(struct heal *heal, const struct frame_place *place,
		       struct error *error)
{
	struct block *block = &heal->block;
	for (size_t i = block->frame_count; i-- > 0;) {
		const struct block_frame *frame = &block->frames[i];
		if (frame->offset != place->offset ||
		    !segment_id_equal(&block->segments.ids[frame->segment],
				      &place->segment->id))
			continue;
		return block_put_mention(block, (uint32_t)i, error);
	}
	int err = block_put_frame(block, &place->segment->id, place->offset, place->len,
				  error);
	return err ? err
		   : block_put_mention(block, (uint32_t)block->frame_count - 1, error);
}

/* Where the block that was written has the unit; false where nothing lies there. */
static bool own_place(const struct heal *heal, struct frame_place *ret_place,
		      bool *ret_sound, struct error *error)
{
	if (!heal->own || heal->mention >= heal->own->mention_count) {
		(void)error_set(error, ERR_DAMAGED,
				"its block cannot be read, and a unit is nowhere else");
		return false;
	}
	const struct block_frame *frame =
		&heal->own->frames[heal->own->mentions[heal->mention]];
	const struct segment_id *id = &heal->own->segments.ids[frame->segment];
	*ret_place = (struct frame_place){.offset = frame->offset, .len = frame->len};
	if (layer_map_segment(heal->map, id, &ret_place->segment, error) < 0)
		return false;
	*ret_sound = layer_map_is_sound(heal->map, id, frame->offset);
	return true;
}

static int place_unit(struct heal *heal, const struct unit_name *name,
		      struct error *error)
{
	struct frame_place own, other;
	uint32_t position;
	bool sound = false;
	bool has_own = own_place(heal, &own, &sound, error);
	int err;
	if (!sound && healer_find(&heal->healer, name, &other, &position))
		err = put_mention(heal, &other, error);
	else if (has_own)
		err = put_mention(heal, &own, error);
	else
		return error->code;
	heal->mention++;
	return err;
}

static int place_units(struct heal *heal, const struct buffer *piece, struct error *error)
{
	struct row_decoder decoder AUTO(row_decoder_fini) = {0};
	int err = piece_open(&decoder, piece->at, piece->len, error);
	int got = err;
	struct row row;
	while (!err && (got = row_decoder_next(&decoder, &row, error)) > 0)
		for (size_t i = 0; !err && i < row.unit_count; i++)
			err = place_unit(heal, &row.units[i], error);
	return err ? err : got;
}

/* `own` is what was written, NULL where it cannot be read. The piece is read, and each
 * unit that lies in no sound frame is looked for by its name. Where there is no copy it
 * stays where it was; ERR_DAMAGED where that is no place. */
static int make_block(const struct layer_map *map, size_t piece, const struct block *own,
		      struct segment_reader *reader, struct block *ret_block,
		      struct error *error)
{
	const uint8_t *bytes;
	int err = layer_parts_piece(map, piece, reader, &bytes, error);
	if (err)
		return err;
	struct buffer copy AUTO(buffer_fini) = {0};
	err = buffer_may_reserve(&copy, map->root.pieces[piece].name.key.len, error);
	if (err)
		return err;
	buffer_put(&copy, bytes, map->root.pieces[piece].name.key.len);
	struct heal heal AUTO(heal_fini) = {.map = map, .own = own};
	healer_init(&heal.healer, map->store, map->namespace_id, map->pins);
	err = place_units(&heal, &copy, error);
	if (!err && heal.mention != map->root.pieces[piece].totals.units)
		err = error_set(error, ERR_DAMAGED,
				"piece %zu: not as many units as its root says", piece);
	if (err)
		return layer_map_error(map, error);
	*ret_block = heal.block;
	heal.block = (struct block){0};
	return 0;
}

/* ---- blocks ------------------------------------------------------------------- */

static bool block_is_sound(const struct layer_map *map, const struct block *block)
{
	bool marked = false;
	for (size_t i = 0; i < block->segments.count; i++) {
		const struct segment_id *id = &block->segments.ids[i];
		struct segment *segment;
		struct error why;
		if (layer_map_segment(map, id, &segment, &why) < 0)
			return false;
		marked = marked || damage_is_in(map->store->damage, id);
	}
	for (size_t i = 0; marked && i < block->frame_count; i++)
		if (!layer_map_is_sound(map,
					&block->segments.ids[block->frames[i].segment],
					block->frames[i].offset))
			return false;
	return true;
}

int layer_parts_block(const struct layer_map *map, size_t piece,
		      struct segment_reader *reader, struct block *ret_block,
		      struct error *error)
{
	struct block block AUTO(block_fini) = {0};
	int err = layer_map_block(map, piece, reader, &block, error);
	if (err && err != ERR_DAMAGED)
		return layer_map_error(map, error);
	if (err || !block_is_sound(map, &block))
		return make_block(map, piece, err ? NULL : &block, reader, ret_block,
				  error);
	*ret_block = block;
	block = (struct block){0};
	return 0;
}

/* ---- the whole ---------------------------------------------------------------- */

static int check_piece_sound(const struct layer_map *map, size_t piece,
			     struct segment_reader *reader, struct error *error)
{
	const struct piece_place *place = layer_map_piece_place(map, piece);
	struct block block AUTO(block_fini) = {0};
	int err = layer_map_block(map, piece, reader, &block, error);
	if (err)
		return err;
	if (block_is_sound(map, &block) &&
	    layer_map_is_sound(map, &map->placement.segments.ids[place->segment],
			       place->offset))
		return 0;
	return error_set(error, ERR_DAMAGED, "piece %zu: a frame is damaged", piece);
}

int layer_parts_check_sound(const struct layer_map *map, struct segment_reader *reader,
			    struct error *error)
{
	bool doubtful = map->placement_lost;
	for (size_t i = 0; !doubtful && i < map->place.segment_count; i++) {
		const struct segment_id *id = &map->place.segments[i];
		doubtful = !segment_pins_find(map->pins, id) ||
			   damage_is_in(map->store->damage, id);
	}
	int err = 0;
	for (size_t i = 0; doubtful && !err && i < map->root.piece_count; i++)
		err = check_piece_sound(map, i, reader, error);
	return err ? layer_map_error(map, error) : 0;
}
