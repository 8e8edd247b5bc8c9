/*
 * Offers: what the store has of what a session asks about. Nothing is offered on the word
 * of the index alone: the frame's own table is read, and shows its neighbours too.
 */
#include "daemon/store/segment.h"
#include "daemon/store/transaction_state.h"
#include "proto/frame.h"
#include "proto/limits.h"

/* The candidates of one key so far. */
struct offer {
	const struct unit_key *key; /* borrowed */
	struct digest *digests;     /* borrowed; room for CANDIDATES_MAX */
	uint8_t count;
};

static bool is_offered(const struct offer *offer, const struct digest *digest)
{
	for (uint8_t i = 0; i < offer->count; i++)
		if (digest_equal(&offer->digests[i], digest))
			return true;
	return false;
}

static int add_candidate(struct transaction *transaction, struct offer *offer,
			 const struct digest *sha, uint32_t frame, uint32_t position,
			 struct error *error)
{
	struct unit_name name = {.key = *offer->key, .sha = *sha};
	int err = unit_table_add(&transaction->units, &name, frame, position, error);
	if (!err)
		offer->digests[offer->count++] = *sha;
	return err;
}

/* Holds the table of the frame that the index names, its segment pinned; false where
 * there is none: the index may be wrong and the segment gone. */
static bool open_frame(struct transaction *transaction, const struct unit_place *place,
		       struct segment **ret_segment)
{
	struct segment_table *segments = transaction->store->segments;
	struct error ignored;
	if (place->offset < SEGMENT_HEADER_LEN ||
	    segment_pins_get(&transaction->pins, segments, &place->segment, ret_segment,
			     &ignored) < 0 ||
	    (*ret_segment)->namespace_id != transaction->namespace_id)
		return false;
	uint64_t end = segment_table_vouched(segments, *ret_segment);
	return segment_reader_head(&transaction->heads, *ret_segment, place->offset, end,
				   &ignored) == 0;
}

static bool holds(const struct segment_reader *heads, const struct unit_name *name,
		  uint32_t position)
{
	return position < heads->header.unit_count &&
	       unit_name_equal(&heads->units[position], name);
}

/* Offers what the index names if it is there, and learns what lies beside it; else the
 * index forgets it, and the unit comes again. */
static int offer_place(struct transaction *transaction, struct offer *offer,
		       const struct unit_place *place, struct error *error)
{
	const struct segment_reader *heads = &transaction->heads;
	struct unit_name name = {.key = *offer->key, .sha = place->sha};
	struct segment *segment;
	if (!open_frame(transaction, place, &segment) ||
	    !holds(heads, &name, place->position)) {
		unit_index_forget(transaction->store->units, transaction->namespace_id,
				  &name);
		return 0;
	}
	uint32_t frame = unit_table_frame(&transaction->units, segment, place->offset,
					  (uint32_t)frame_len(&heads->header),
					  FRAME_KNOWN);
	unit_neighbours_learn(&transaction->neighbours, frame, heads->units,
			      heads->header.unit_count);
	return add_candidate(transaction, offer, &place->sha, frame, place->position,
			     error);
}

static int ask_index(struct transaction *transaction, struct offer *offer,
		     struct error *error)
{
	struct unit_place places[CANDIDATES_MAX];
	uint8_t count;
	unit_index_find(transaction->store->units, transaction->namespace_id, offer->key,
			1, &count, places);
	for (uint8_t i = 0; i < count && offer->count < CANDIDATES_MAX; i++) {
		if (is_offered(offer, &places[i].sha))
			continue;
		int err = offer_place(transaction, offer, &places[i], error);
		if (err)
			return err;
	}
	return 0;
}

/* The session's own first, then a neighbour of what was offered before, else what the
 * index knows. */
static int offer_key(struct transaction *transaction, struct offer *offer,
		     struct error *error)
{
	offer->count = unit_table_own(&transaction->units, offer->key, offer->digests,
				      CANDIDATES_MAX);
	const struct unit_neighbour *beside =
		unit_neighbours_find(&transaction->neighbours, offer->key);
	if (!beside)
		return ask_index(transaction, offer, error);
	if (offer->count == CANDIDATES_MAX || is_offered(offer, &beside->name.sha))
		return 0;
	return add_candidate(transaction, offer, &beside->name.sha, beside->frame,
			     beside->position, error);
}

int transaction_offer(struct transaction *transaction, const struct unit_key *keys,
		      size_t count, uint8_t *ret_counts, struct digest *ret_digests,
		      struct error *error)
{
	claim(!transaction->ended);
	for (size_t i = 0; i < count; i++) {
		struct offer offer = {.key = &keys[i], .digests = ret_digests};
		int err = offer_key(transaction, &offer, error);
		if (err)
			return err;
		ret_counts[i] = offer.count;
		ret_digests += offer.count;
	}
	return 0;
}
