#include "daemon/store/layer_map.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/store/store_state.h"
#include "proto/base/cleanup.h"

int layer_map_error(const struct layer_map *map, struct error *error)
{
	struct error why = *error;
	return error_set(error, why.code, "layer %s: %s", map->name, why.text);
}

/* A segment of the layer; naming another is damage. */
static int pinned(const struct segment_pins *pins, const struct segment_id *id,
		  struct segment **ret_segment, struct error *error)
{
	*ret_segment = segment_pins_find(pins, id);
	if (*ret_segment)
		return 0;
	char text[SEGMENT_ID_TEXT_SIZE];
	return error_set(error, ERR_DAMAGED, "segment %s is not one of its segments",
			 segment_id_text(id, text));
}

static int load_single(const struct segment_pins *pins, const struct place *place,
		       enum frame_kind kind, struct segment_reader *reader,
		       struct error *error)
{
	struct segment *segment;
	int err = pinned(pins, &place->segment, &segment, error);
	if (err)
		return err;
	return segment_reader_load_single(reader, segment, place->offset, kind, error);
}

static int load_root(struct layer_map *map, const struct digest *digest,
		     const struct segment_pins *pins, struct segment_reader *reader,
		     struct error *error)
{
	int err = load_single(pins, &map->place.root, FRAME_ROOT, reader, error);
	if (err)
		return err;
	if (!digest_equal(&reader->units[0].sha, digest))
		return error_set(error, ERR_DAMAGED,
				 "its root is not the one the catalogue names");
	buffer_put(&map->root_bytes, reader->raw, reader->header.raw_len);
	return root_decode(map->root_bytes.at, map->root_bytes.len, &map->root, error);
}

static int load_placement(struct layer_map *map, const struct segment_pins *pins,
			  struct segment_reader *reader, struct error *error)
{
	int err =
		load_single(pins, &map->place.placement, FRAME_PLACEMENT, reader, error);
	if (err)
		return err;
	return placement_decode(reader->raw, reader->header.raw_len,
				map->root.piece_count, &map->placement, error);
}

static int pin_all(struct store *store, const struct layer_map *map,
		   struct segment_pins *pins, struct error *error)
{
	for (size_t i = 0; i < map->place.segment_count; i++) {
		struct segment *segment;
		int err = segment_pins_get(pins, store->segments, &map->place.segments[i],
					   &segment, error);
		if (err)
			return err;
	}
	return 0;
}

static int load(struct store *store, struct layer_map *map, struct segment_pins *pins,
		struct segment_reader *reader, struct error *error)
{
	struct layer_record record AUTO(layer_record_fini) = {0};
	int err = catalogue_layer_record(store->catalogue, map->layer_id, &record, error);
	if (err)
		return err;
	layer_id_text(record.name, map->name);
	err = catalogue_layer_place(store->catalogue, map->layer_id, &map->place, error);
	if (!err)
		err = pin_all(store, map, pins, error);
	if (!err)
		err = load_root(map, &record.digest, pins, reader, error);
	if (!err)
		err = load_placement(map, pins, reader, error);
	return err ? layer_map_error(map, error) : 0;
}

int layer_map_load(struct store *store, int64_t layer_id, struct segment_pins *pins,
		   struct segment_reader *reader, struct layer_map *ret_map,
		   struct error *error)
{
	struct layer_map map AUTO(layer_map_fini) = {.layer_id = layer_id};
	int err = load(store, &map, pins, reader, error);
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

static int load_piece(const struct layer_map *map, size_t piece,
		      const struct segment_pins *pins, struct segment_reader *reader,
		      const uint8_t **ret_bytes, struct error *error)
{
	const struct piece_place *place = &map->placement.pieces[piece];
	const struct unit_name *name = &map->root.pieces[piece].name;
	struct segment *segment;
	int err = pinned(pins, &map->placement.segments.ids[place->segment], &segment,
			 error);
	if (!err)
		err = segment_reader_load(reader, segment, place->offset,
					  SEGMENT_END_UNKNOWN, error);
	if (err)
		return err;
	if (place->unit >= reader->header.unit_count ||
	    !unit_name_equal(&reader->units[place->unit], name))
		return error_set(error, ERR_DAMAGED, "it is not where it should be");
	const uint8_t *bytes = segment_reader_unit(reader, place->unit);
	struct digest sha = sha256_of(bytes, name->key.len);
	if (!digest_equal(&sha, &name->sha))
		return error_set(error, ERR_DAMAGED, "its SHA-256 does not match");
	*ret_bytes = bytes;
	return 0;
}

int layer_map_piece(const struct layer_map *map, size_t piece,
		    const struct segment_pins *pins, struct segment_reader *reader,
		    const uint8_t **ret_bytes, struct error *error)
{
	int err = load_piece(map, piece, pins, reader, ret_bytes, error);
	if (!err)
		return 0;
	struct error why = *error;
	return error_set(error, why.code, "layer %s: piece %zu: %s", map->name, piece,
			 why.text);
}

static int check_block_segments(const struct block *block,
				const struct segment_pins *pins, struct error *error)
{
	struct segment *segment;
	for (size_t i = 0; i < block->segments.count; i++) {
		int err = pinned(pins, &block->segments.ids[i], &segment, error);
		if (err)
			return err;
	}
	return 0;
}

int layer_map_block(const struct layer_map *map, size_t piece,
		    const struct segment_pins *pins, struct segment_reader *reader,
		    struct block *ret_block, struct error *error)
{
	const struct piece_place *at = &map->placement.pieces[piece];
	struct place place = {
		.segment = map->placement.segments.ids[at->block_segment],
		.offset = at->block_offset,
	};
	struct block block AUTO(block_fini) = {0};
	int err = load_single(pins, &place, FRAME_PLACEMENT, reader, error);
	if (!err)
		err = block_decode(reader->raw, reader->header.raw_len,
				   map->root.pieces[piece].totals.units, &block, error);
	if (!err)
		err = check_block_segments(&block, pins, error);
	if (err)
		return layer_map_error(map, error);
	*ret_block = block;
	block = (struct block){0};
	return 0;
}
