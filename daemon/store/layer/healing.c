#include "daemon/store/layer/healing.h"

#include <inttypes.h>

#include "daemon/store/disk/parts.h"
#include "daemon/store/index/index.h"
#include "daemon/store/index/rebuild.h"
#include "daemon/store/segment/damage.h"
#include "daemon/store/segment/segment.h"
#include "proto/base/cleanup.h"

/* ---- marking ------------------------------------------------------------------ */

static bool is_at(const struct unit_place *place, const struct digest *sha,
		  const struct segment *segment, uint64_t offset)
{
	return digest_equal(&place->sha, sha) && place->offset == offset &&
	       segment_id_equal(&place->segment, &segment->id);
}

/* Not where the index names another copy. */
static void forget_there(struct store *store, const struct segment *segment,
			 uint64_t offset, const struct unit_name *name)
{
	struct unit_place places[CANDIDATES_MAX];
	uint8_t count;
	index_find(store->units, segment->namespace_id, &name->key, 1, &count, places);
	for (uint8_t i = 0; i < count; i++)
		if (is_at(&places[i], &name->sha, segment, offset))
			index_forget(store->units, segment->namespace_id, name);
}

/* False where it was marked before. */
static bool mark(struct store *store, const struct segment *segment, uint64_t offset,
		 const struct unit_name *units, uint32_t count, const struct error *why)
{
	bool kept = !store->frozen && !atomic_load(&store->health.failed);
	if (!(kept ? damage_mark : damage_add)(store->damage, &segment->id, offset))
		return false;
	health_note(&store->health,
		    "%s; nothing in that frame is offered from now on, and what is "
		    "persisted again takes its place",
		    why->text);
	atomic_store(&store->lost_copies, true);
	for (uint32_t i = 0; store->units && i < count; i++)
		forget_there(store, segment, offset, &units[i]);
	return true;
}

static void on_damage(void *context, const struct segment *segment, uint64_t offset,
		      const struct unit_name *units, uint32_t count,
		      const struct error *why)
{
	(void)mark(context, segment, offset, units, count, why);
}

void healing_watch(struct store *store, struct segment_reader *reader)
{
	reader->on_damage = on_damage;
	reader->context = store;
}

static bool units_are_sound(const struct segment_reader *reader)
{
	const uint8_t *at = reader->raw;
	for (uint32_t i = 0; i < reader->header.unit_count; i++) {
		struct digest sha = sha256_of(at, reader->units[i].key.len);
		if (!digest_equal(&sha, &reader->units[i].sha))
			return false;
		at += reader->units[i].key.len;
	}
	return true;
}

/* Reads all of a frame whose head was read. ERR_DAMAGED, or why it could not be read. */
static int read_payload(struct segment_reader *reader, const struct frame_place *place,
			struct error *error)
{
	int err = segment_reader_load(reader, place->segment, place->offset,
				      SEGMENT_END_UNKNOWN, error);
	if (err || units_are_sound(reader))
		return err;
	return error_set(error, ERR_DAMAGED,
			 "segment `%s` at %" PRIu64
			 ": frame: the SHA-256 of a unit does not match",
			 place->segment->location, place->offset);
}

bool healing_doubt(struct store *store, const struct frame_place *place)
{
	struct segment_reader reader AUTO(segment_reader_fini) = {0};
	segment_reader_init(&reader, store->io);
	struct error why;
	int err = segment_reader_head(&reader, place->segment, place->offset,
				      SEGMENT_END_UNKNOWN, &why);
	uint32_t units = err ? 0 : reader.header.unit_count;
	if (!err)
		err = read_payload(&reader, place, &why);
	/* The store's format says that there are no newer frames. */
	bool damaged = err == ERR_DAMAGED || err == ERR_VERSION;
	return damaged &&
	       mark(store, place->segment, place->offset, reader.units, units, &why);
}

/* ---- finding ------------------------------------------------------------------ */

void healer_init(struct healer *healer, struct store *store, int64_t namespace_id,
		 struct segment_pins *pins)
{
	*healer = (struct healer){
		.store = store, .namespace_id = namespace_id, .pins = pins};
	segment_reader_init(&healer->heads, store->io);
}

void healer_fini(struct healer *healer)
{
	segment_reader_fini(&healer->heads);
}

/* Whether the unit is there: the index may be wrong. */
static bool is_there(struct healer *healer, const struct unit_name *name,
		     const struct unit_place *place, struct segment **ret_segment)
{
	struct store *store = healer->store;
	struct segment_reader *heads = &healer->heads;
	struct error ignored;
	return place->offset >= SEGMENT_HEADER_LEN &&
	       !damage_has(store->damage, &place->segment, place->offset) &&
	       segment_pins_get(healer->pins, store->segments, &place->segment,
				ret_segment, &ignored) == 0 &&
	       !segment_table_is_closed(store->segments, *ret_segment) &&
	       (*ret_segment)->namespace_id == healer->namespace_id &&
	       segment_reader_head(heads, *ret_segment, place->offset,
				   segment_table_vouched(store->segments, *ret_segment),
				   &ignored) == 0 &&
	       place->position < heads->header.unit_count &&
	       unit_name_equal(&heads->units[place->position], name);
}

static bool find_now(struct healer *healer, const struct unit_name *name,
		     struct frame_place *ret_place, uint32_t *ret_position)
{
	struct unit_place places[CANDIDATES_MAX];
	uint8_t count;
	index_find(healer->store->units, healer->namespace_id, &name->key, 1, &count,
		   places);
	for (uint8_t i = 0; i < count; i++) {
		struct segment *segment;
		if (!digest_equal(&places[i].sha, &name->sha) ||
		    !is_there(healer, name, &places[i], &segment))
			continue;
		*ret_place = (struct frame_place){
			.segment = segment,
			.offset = places[i].offset,
			.len = (uint32_t)frame_len(&healer->heads.header)};
		*ret_position = places[i].position;
		return true;
	}
	return false;
}

bool healer_find(struct healer *healer, const struct unit_name *name,
		 struct frame_place *ret_place, uint32_t *ret_position)
{
	struct store *store = healer->store;
	if (!store->units)
		return false;
	bool ready = index_rebuild_is_done(store->rebuild);
	if (find_now(healer, name, ret_place, ret_position))
		return true;
	if (ready)
		return false;
	index_rebuild_wait(store->rebuild);
	return find_now(healer, name, ret_place, ret_position);
}
