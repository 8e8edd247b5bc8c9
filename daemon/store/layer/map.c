#include "daemon/store/layer/map.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/store/disk/parts.h"
#include "daemon/store/segment/damage.h"
#include "proto/base/cleanup.h"

/* Other layers of the same digest that are asked for a root. */
#define TWINS_MAX 16u

int layer_map_error(const struct layer_map *map, struct error *error)
{
	struct error why = *error;
	return error_set(error, why.code, "layer %s: %s", map->name, why.text);
}

/* ---- segments ----------------------------------------------------------------- */

static bool is_of_layer(const struct layer_map *map, const struct segment_id *id)
{
	for (size_t i = 0; i < map->place.segment_count; i++)
		if (segment_id_equal(&map->place.segments[i], id))
			return true;
	return false;
}

int layer_map_segment(const struct layer_map *map, const struct segment_id *id,
		      struct segment **ret_segment, struct error *error)
{
	*ret_segment = segment_pins_find(map->pins, id);
	if (*ret_segment)
		return 0;
	if (is_of_layer(map, id))
		return segment_pins_get(map->pins, map->store->segments, id, ret_segment,
					error);
	char text[SEGMENT_ID_TEXT_SIZE];
	return error_set(error, ERR_DAMAGED, "segment %s is not one of its segments",
			 segment_id_text(id, text));
}

bool layer_map_is_sound(const struct layer_map *map, const struct segment_id *segment,
			uint64_t offset)
{
	struct segment *ignored;
	struct error why;
	return !damage_has(map->store->damage, segment, offset) &&
	       layer_map_segment(map, segment, &ignored, &why) == 0;
}

/* A segment that is damaged as a whole is missed by who needs it. */
static int pin_all(const struct layer_map *map, struct error *error)
{
	for (size_t i = 0; i < map->place.segment_count; i++) {
		struct segment *segment;
		int err =
			layer_map_segment(map, &map->place.segments[i], &segment, error);
		if (err && err != ERR_DAMAGED)
			return err;
	}
	return 0;
}

/* ---- root and placement ------------------------------------------------------- */

static int load_single(const struct layer_map *map, const struct stored_place *place,
		       enum frame_kind kind, struct segment_reader *reader,
		       struct error *error)
{
	struct segment *segment;
	int err = layer_map_segment(map, &place->segment, &segment, error);
	if (err)
		return err;
	return segment_reader_load_single(reader, segment, place->offset, kind, error);
}

static int take_root(struct layer_map *map, const struct digest *digest,
		     const struct segment_reader *reader, struct error *error)
{
	if (!digest_equal(&reader->units[0].sha, digest))
		return error_set(error, ERR_DAMAGED,
				 "its root is not the one the catalogue names");
	int err = buffer_may_reserve(&map->root_bytes, reader->header.raw_len, error);
	if (err)
		return err;
	buffer_put(&map->root_bytes, reader->raw, reader->header.raw_len);
	return root_decode(map->root_bytes.at, map->root_bytes.len, &map->root, error);
}

/* Layers of one digest have one root. Only where the layer's own cannot be read: one that
 * can and has another digest contradicts the catalogue. */
static bool borrow_root(struct layer_map *map, const struct digest *digest,
			struct segment_reader *reader)
{
	struct stored_place twins[TWINS_MAX];
	struct error ignored;
	size_t count = 0;
	if (catalogue_layer_twins(map->store->catalogue, map->layer_id, digest, TWINS_MAX,
				  twins, &count, &ignored) < 0)
		return false;
	for (size_t i = 0; i < count; i++) {
		struct segment *segment;
		if (segment_pins_get(map->pins, map->store->segments, &twins[i].segment,
				     &segment, &ignored) == 0 &&
		    segment->namespace_id == map->namespace_id &&
		    segment_reader_load_single(reader, segment, twins[i].offset,
					       FRAME_ROOT, &ignored) == 0 &&
		    take_root(map, digest, reader, &ignored) == 0)
			return true;
	}
	return false;
}

static int load_root(struct layer_map *map, const struct digest *digest,
		     struct segment_reader *reader, struct error *error)
{
	int err = load_single(map, &map->place.root, FRAME_ROOT, reader, error);
	if (!err)
		return take_root(map, digest, reader, error);
	map->root_borrowed = err == ERR_DAMAGED && borrow_root(map, digest, reader);
	return map->root_borrowed ? 0 : err;
}

/* Where it is lost, pieces and units are found by their names. */
static int load_placement(struct layer_map *map, struct segment_reader *reader,
			  struct error *error)
{
	int err = load_single(map, &map->place.placement, FRAME_PLACEMENT, reader, error);
	if (!err)
		err = placement_decode(reader->raw, reader->header.raw_len,
				       map->root.piece_count, &map->placement, error);
	map->placement_lost = err == ERR_DAMAGED && map->store->units;
	return map->placement_lost ? 0 : err;
}

static int load(struct layer_map *map, struct segment_reader *reader, struct error *error)
{
	struct store *store = map->store;
	struct layer_record record AUTO(layer_record_fini) = {0};
	int err = catalogue_layer_record(store->catalogue, map->layer_id, &record, error);
	if (err)
		return err;
	layer_id_text(record.name, map->name);
	err = catalogue_layer_place(store->catalogue, map->layer_id, &map->place, error);
	if (!err)
		err = segment_table_namespace(store->segments, &map->place.root.segment,
					      &map->namespace_id, error);
	if (!err)
		err = pin_all(map, error);
	if (!err)
		err = load_root(map, &record.digest, reader, error);
	if (!err)
		err = load_placement(map, reader, error);
	return err ? layer_map_error(map, error) : 0;
}

int layer_map_load(struct store *store, int64_t layer_id, struct segment_pins *pins,
		   struct segment_reader *reader, struct layer_map *ret_map,
		   struct error *error)
{
	struct layer_map map AUTO(layer_map_fini) = {
		.store = store, .pins = pins, .layer_id = layer_id};
	int err = load(&map, reader, error);
	if (err)
		return err;
	*ret_map = map;
	map = (struct layer_map){0};
	return 0;
}

void layer_map_fini(struct layer_map *map)
{
	free(map->place.segments);
	root_fini(&map->root);
	buffer_fini(&map->root_bytes);
	placement_fini(&map->placement);
	*map = (struct layer_map){0};
}

/* ---- pieces and blocks ---------------------------------------------------------- */

const struct piece_place *layer_map_piece_place(const struct layer_map *map, size_t piece)
{
	return piece < map->placement.piece_count ? &map->placement.pieces[piece] : NULL;
}

int layer_map_piece_at(const struct unit_name *name, const struct frame_place *place,
		       uint32_t position, struct segment_reader *reader,
		       const uint8_t **ret_bytes, struct error *error)
{
	int err = segment_reader_load(reader, place->segment, place->offset,
				      SEGMENT_END_UNKNOWN, error);
	if (err)
		return err;
	if (position >= reader->header.unit_count ||
	    !unit_name_equal(&reader->units[position], name))
		return error_set(error, ERR_DAMAGED, "it is not where it should be");
	const uint8_t *bytes = segment_reader_unit(reader, position);
	struct digest sha = sha256_of(bytes, name->key.len);
	if (digest_equal(&sha, &name->sha)) {
		*ret_bytes = bytes;
		return 0;
	}
	(void)error_set(error, ERR_DAMAGED, "its SHA-256 does not match");
	segment_reader_doubt(reader, place->segment, place->offset, error);
	return error->code;
}

int layer_map_piece(const struct layer_map *map, size_t piece,
		    struct segment_reader *reader, const uint8_t **ret_bytes,
		    struct error *error)
{
	const struct piece_place *at = layer_map_piece_place(map, piece);
	if (!at)
		return error_set(error, ERR_DAMAGED,
				 "its placement cannot be read, and it is nowhere else");
	struct frame_place place = {.offset = at->offset};
	int err = layer_map_segment(map, &map->placement.segments.ids[at->segment],
				    &place.segment, error);
	return err ? err
		   : layer_map_piece_at(&map->root.pieces[piece].name, &place, at->unit,
					reader, ret_bytes, error);
}

int layer_map_block(const struct layer_map *map, size_t piece,
		    struct segment_reader *reader, struct block *ret_block,
		    struct error *error)
{
	const struct piece_place *at = layer_map_piece_place(map, piece);
	if (!at)
		return error_set(error, ERR_DAMAGED, "its placement cannot be read");
	struct stored_place place = {
		.segment = map->placement.segments.ids[at->block_segment],
		.offset = at->block_offset,
	};
	int err = load_single(map, &place, FRAME_PLACEMENT, reader, error);
	return err ? err
		   : block_decode(reader->raw, reader->header.raw_len,
				  map->root.pieces[piece].totals.units, ret_block, error);
}
