/*
 * Offers: what the store has of what a session asks about. Nothing is offered on the word
 * of the index alone: the frame itself is asked, and its table shows the neighbours too.
 */
#include "daemon/store/index/batch.h"
#include "daemon/store/index/index.h"
#include "daemon/store/segment/damage.h"
#include "daemon/store/segment/segment.h"
#include "daemon/store/transaction/state.h"
#include "proto/bounds.h"
#include "proto/unit/frame.h"

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
	int err = citable_add(&transaction->units, &name, frame, position, error);
	if (!err)
		offer->digests[offer->count++] = *sha;
	return err;
}

/* A frame of which a unit may be offered. */
struct found_frame {
	struct segment *segment; /* borrowed, pinned */
	uint32_t len;
	uint8_t kind;                  /* enum frame_kind */
	const struct unit_name *table; /* borrowed; NULL: not all of it was read */
	uint32_t unit_count;
};

/* Reads the whole table while that pays, else the one entry; true if it is the unit's. */
static bool read_entry(struct transaction *transaction, const struct unit_name *name,
		       const struct unit_place *place, struct found_frame *found,
		       struct error *error)
{
	struct segment_reader *heads = &transaction->heads;
	uint64_t end =
		segment_table_vouched(transaction->store->segments, found->segment);
	struct frame_spot spot = {place->offset, end, place->position};
	struct frame_header header;
	struct unit_name there;
	if (!neighbours_pay(&transaction->neighbours)) {
		if (segment_reader_peek(heads, found->segment, &spot, &header, &there,
					error))
			return false;
		found->len = (uint32_t)frame_len(&header);
		found->kind = header.kind;
		return unit_name_equal(&there, name);
	}
	if (segment_reader_head(heads, found->segment, place->offset, end, error))
		return false;
	found->len = (uint32_t)frame_len(&heads->header);
	found->kind = heads->header.kind;
	found->table = heads->units;
	found->unit_count = heads->header.unit_count;
	return place->position < found->unit_count &&
	       unit_name_equal(&heads->units[place->position], name);
}

/* Whether the unit is where the index says; its segment is pinned then. The index may be
 * wrong and the segment gone; what cannot be read now, for whatever reason of the
 * system's, is not offered and not forgotten either. Nor is what lies in a closed
 * segment: who may be offered something there is waited for (FORMAT.md §13). */
static bool find_there(struct transaction *transaction, const struct unit_name *name,
		       const struct unit_place *place, struct found_frame *found)
{
	struct error why = {0};
	struct damage *damage = transaction->store->damage;
	struct segment_table *table = transaction->store->segments;
	bool pinned = place->offset >= SEGMENT_HEADER_LEN &&
		      !damage_has(damage, &place->segment, place->offset) &&
		      segment_pins_get(&transaction->pins, table, &place->segment,
				       &found->segment, &why) == 0 &&
		      found->segment->namespace_id == transaction->namespace_id;
	if (pinned && segment_table_is_closed(table, found->segment))
		return false;
	bool there = pinned && read_entry(transaction, name, place, found, &why);
	if (!there && why.code != ERR_LOCAL && why.code != ERR_NO_MEMORY)
		index_forget(transaction->store->units, transaction->namespace_id, name);
	return there;
}

/* Offers what the index names if it is there, and learns what lies beside it; else the
 * unit comes again. */
static int offer_place(struct transaction *transaction, struct offer *offer,
		       const struct unit_place *place, struct error *error)
{
	struct unit_name name = {.key = *offer->key, .sha = place->sha};
	struct found_frame found = {0};
	if (!find_there(transaction, &name, place, &found))
		return 0;
	struct unit_frame known = {.segment = found.segment,
				   .offset = place->offset,
				   .len = found.len,
				   .origin = FRAME_KNOWN};
	uint32_t frame;
	int err = citable_frame(&transaction->units, &known, &frame, error);
	if (err)
		return err;
	if (found.table)
		neighbours_learn(&transaction->neighbours, frame, found.table,
				 found.unit_count);
	if (found.kind == FRAME_PIECE)
		pieces_ahead_note(&transaction->ahead, &name);
	return add_candidate(transaction, offer, &place->sha, frame, place->position,
			     error);
}

static int ask_index(struct transaction *transaction, struct offer *offer,
		     struct error *error)
{
	struct unit_place places[CANDIDATES_MAX];
	uint8_t count;
	index_find(transaction->store->units, transaction->namespace_id, offer->key, 1,
		   &count, places);
	for (uint8_t i = 0; i < count && offer->count < CANDIDATES_MAX; i++) {
		const struct unit_name name = {.key = *offer->key, .sha = places[i].sha};
		if (is_offered(offer, &places[i].sha) ||
		    !reach_has(&transaction->reach, &name))
			continue;
		int err = offer_place(transaction, offer, &places[i], error);
		if (err)
			return err;
	}
	return 0;
}

/* Since its table was read. */
static bool is_marked(const struct transaction *transaction, uint32_t position)
{
	const struct unit_frame *frame = &transaction->units.frames[position];
	return damage_has(transaction->store->damage, &frame->segment->id, frame->offset);
}

/* The session's own first, then a neighbour of what was offered before, else what the
 * index knows. Where a neighbour has the key, other contents of it are not offered. */
static int offer_key(struct transaction *transaction, struct offer *offer,
		     struct error *error)
{
	offer->count = citable_own(&transaction->units, offer->key, offer->digests,
				   CANDIDATES_MAX);
	/* Not even asked for, so that no time tells of it. */
	if (!reach_has_key(&transaction->reach, offer->key))
		return 0;
	const struct neighbour *beside =
		neighbours_find(&transaction->neighbours, offer->key);
	if (beside && !reach_has(&transaction->reach, &beside->name))
		beside = NULL;
	if (!beside || is_marked(transaction, beside->frame))
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
