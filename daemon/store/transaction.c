#include "daemon/store/transaction.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/store/segment.h"
#include "daemon/store/transaction_state.h"
#include "proto/cleanup.h"

/* Keys asked about in one go. */
#define OFFER_KEYS 256u

int transaction_begin(struct store *store, int64_t namespace_id,
		      struct transaction **ret_transaction, struct error *error)
{
	int err = store_check_writable(store, error);
	if (err)
		return err;
	struct transaction *transaction = must_calloc(1, sizeof *transaction);
	transaction->store = store;
	transaction->namespace_id = namespace_id;
	segment_writer_init(&transaction->writer, store, namespace_id);
	segment_reader_init(&transaction->pieces, store->io);
	segment_reader_init(&transaction->heads, store->io);
	transaction->places = must_alloc((size_t)OFFER_KEYS * CANDIDATES_MAX *
					 sizeof *transaction->places);
	*ret_transaction = transaction;
	return 0;
}

void transaction_free(struct transaction *transaction)
{
	if (!transaction)
		return;
	segment_writer_abort(&transaction->writer);
	segment_pins_fini(&transaction->pins, transaction->store->segments);
	unit_table_fini(&transaction->units);
	segment_reader_fini(&transaction->pieces);
	segment_reader_fini(&transaction->heads);
	layer_map_fini(&transaction->base);
	buffer_fini(&transaction->head);
	free(transaction->places);
	free(transaction);
}

/* ---- offers ------------------------------------------------------------------- */

static bool digest_among(const struct digest *digests, uint8_t count,
			 const struct digest *digest)
{
	for (uint8_t i = 0; i < count; i++)
		if (digest_equal(&digests[i], digest))
			return true;
	return false;
}

/* Pins the place and remembers it: 1; 0 when it cannot be so; <0 an error. The index may
 * be wrong and its segment gone: then the unit is not offered, and comes again. */
static int remember(struct transaction *transaction, const struct unit_key *key,
		    const struct unit_place *place, struct error *error)
{
	struct segment *segment;
	struct error ignored;
	if (place->offset < SEGMENT_HEADER_LEN || place->position >= FRAME_UNITS_MAX ||
	    segment_pins_get(&transaction->pins, transaction->store->segments,
			     &place->segment, &segment, &ignored) < 0 ||
	    segment->namespace_id != transaction->namespace_id)
		return 0;
	struct unit_name name = {.key = *key, .sha = place->sha};
	uint32_t frame = unit_table_frame(&transaction->units, segment, place->offset, 0,
					  FRAME_OFFERED);
	int err = unit_table_add(&transaction->units, &name, frame, place->position,
				 false, error);
	return err ? err : 1;
}

/* The candidates of one key, its own ones first. */
static int offer_key(struct transaction *transaction, const struct unit_key *key,
		     const struct unit_place *places, uint8_t place_count,
		     struct digest *ret_digests, uint8_t *ret_count, struct error *error)
{
	uint8_t count =
		unit_table_own(&transaction->units, key, ret_digests, CANDIDATES_MAX);
	for (uint8_t i = 0; i < place_count && count < CANDIDATES_MAX; i++) {
		if (digest_among(ret_digests, count, &places[i].sha))
			continue;
		int remembered = remember(transaction, key, &places[i], error);
		if (remembered < 0)
			return remembered;
		if (remembered)
			ret_digests[count++] = places[i].sha;
	}
	*ret_count = count;
	return 0;
}

int transaction_offer(struct transaction *transaction, const struct unit_key *keys,
		      size_t count, uint8_t *ret_counts, struct digest *ret_digests,
		      struct error *error)
{
	claim(!transaction->ended);
	for (size_t i = 0; i < count; i++) {
		if (i % OFFER_KEYS == 0) {
			size_t left = count - i;
			unit_index_find(transaction->store->units,
					transaction->namespace_id, keys + i,
					left < OFFER_KEYS ? left : OFFER_KEYS,
					ret_counts + i, transaction->places);
		}
		const struct unit_place *places =
			transaction->places + i % OFFER_KEYS * CANDIDATES_MAX;
		int err = offer_key(transaction, &keys[i], places, ret_counts[i],
				    ret_digests, &ret_counts[i], error);
		if (err)
			return err;
		ret_digests += ret_counts[i];
	}
	return 0;
}

/* ---- what the session sends --------------------------------------------------- */

int transaction_append(struct transaction *transaction, const struct frame_input *frame,
		       struct segment **ret_segment, uint64_t *ret_offset,
		       struct error *error)
{
	struct frame_header header = {
		.kind = frame->kind,
		.codec = frame->codec,
		.unit_count = frame->unit_count,
		.raw_len = frame->raw_len,
		.stored_len = (uint32_t)frame->payload_len,
		.payload_xxh = xxh128_of(frame->payload, frame->payload_len),
	};
	buffer_clear(&transaction->head);
	frame_head_encode(&transaction->head, &header, frame->units);
	int err = segment_writer_append(&transaction->writer, &transaction->head,
					frame->payload, frame->payload_len, ret_segment,
					ret_offset, error);
	if (err)
		return err;
	segment_pins_add(&transaction->pins, transaction->store->segments, *ret_segment);
	return 0;
}

int transaction_put(struct transaction *transaction, const struct frame_input *frame,
		    struct error *error)
{
	claim(!transaction->ended);
	struct segment *segment;
	uint64_t offset;
	int err = transaction_append(transaction, frame, &segment, &offset, error);
	if (err)
		return err;
	size_t len = transaction->head.len + frame->payload_len;
	uint32_t at = unit_table_frame(&transaction->units, segment, offset,
				       (uint32_t)len, FRAME_OWN);
	for (uint32_t i = 0; i < frame->unit_count; i++) {
		err = unit_table_add(&transaction->units, &frame->units[i], at, i, false,
				     error);
		if (err)
			return err;
	}
	if (frame->kind == FRAME_CONTENT)
		transaction->new_bytes += frame->raw_len;
	transaction->stored_bytes += len;
	return 0;
}

int transaction_base(struct transaction *transaction, int64_t layer_id,
		     struct buffer *ret_root, struct error *error)
{
	claim(!transaction->ended && !transaction->has_base);
	struct layer_map map AUTO(layer_map_fini) = {0};
	int err = layer_map_load(transaction->store, layer_id, &transaction->pins,
				 &transaction->heads, &map, error);
	if (err)
		return err;
	struct segment *segment =
		segment_pins_find(&transaction->pins, &map.place.root.segment);
	if (segment->namespace_id != transaction->namespace_id)
		return error_set(error, ERR_DENIED, "layer %s: of another namespace",
				 map.name);
	*ret_root = (struct buffer){0};
	buffer_put(ret_root, map.root_bytes.at, map.root_bytes.len);
	transaction->base = map;
	map = (struct layer_map){0};
	transaction->has_base = true;
	return 0;
}
