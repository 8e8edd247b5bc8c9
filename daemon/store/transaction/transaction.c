#include "daemon/store/transaction/transaction.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/store/disk/tickets.h"
#include "daemon/store/index/index.h"
#include "daemon/store/layer/healing.h"
#include "daemon/store/layer/parts.h"
#include "daemon/store/life/census.h"
#include "daemon/store/segment/segment.h"
#include "daemon/store/transaction/state.h"
#include "proto/base/cleanup.h"

int transaction_begin(struct store *store, int64_t namespace_id,
		      struct transaction **ret_transaction, struct error *error)
{
	int err = health_check_writable(&store->health, error);
	if (err)
		return err;
	struct transaction *transaction = must_calloc(1, sizeof(*transaction));
	transaction->store = store;
	transaction->ticket = tickets_take(store->tickets);
	transaction->namespace_id = namespace_id;
	segment_writer_init(&transaction->writer, store, namespace_id);
	segment_reader_init(&transaction->pieces, store->io);
	healing_watch(store, &transaction->pieces);
	segment_reader_init(&transaction->heads, store->io);
	*ret_transaction = transaction;
	return 0;
}

void transaction_free(struct transaction *transaction)
{
	if (!transaction)
		return;
	segment_writer_abort(&transaction->writer);
	if (transaction->has_place)
		census_leave(transaction->store->catalogue, transaction->namespace_id);
	index_write(transaction->store->units);
	segment_pins_fini(&transaction->pins, transaction->store->segments);
	citable_fini(&transaction->units);
	segment_reader_fini(&transaction->pieces);
	segment_reader_fini(&transaction->heads);
	layer_map_fini(&transaction->base);
	buffer_fini(&transaction->head);
	pieces_ahead_fini(&transaction->ahead);
	piece_checker_fini(&transaction->checker);
	neighbours_fini(&transaction->neighbours);
	reach_fini(&transaction->reach);
	tickets_return(transaction->store->tickets, transaction->ticket);
	free(transaction);
}

/* ---- quotas ------------------------------------------------------------------- */

void transaction_set_quota(struct transaction *transaction, uint64_t bytes)
{
	segment_table_set_quota(transaction->store->segments, transaction->namespace_id,
				bytes);
}

static int check_room(const struct transaction *transaction, const struct quota *quota,
		      struct error *error)
{
	uint64_t used = segment_table_charged(transaction->store->segments,
					      transaction->namespace_id);
	if (quota->bytes == 0 || used < quota->bytes)
		return 0;
	return error_set(error, ERR_QUOTA,
			 "its quota is %" PRIu64 " bytes; %" PRIu64
			 " are stored or being written",
			 quota->bytes, used);
}

int transaction_enter(struct transaction *transaction, const struct quota *quota,
		      struct error *error)
{
	claim(!transaction->has_place);
	transaction_set_quota(transaction, quota->bytes);
	int err = check_room(transaction, quota, error);
	if (!err)
		err = census_enter(transaction->store->catalogue,
				   transaction->namespace_id, quota->layers, error);
	transaction->has_place = !err;
	return err;
}

/* ---- what the session sends --------------------------------------------------- */

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
	struct unit_frame own = {.segment = segment,
				 .offset = offset,
				 .len = (uint32_t)len,
				 .origin = FRAME_OWN};
	uint32_t at;
	err = citable_frame(&transaction->units, &own, &at, error);
	if (err)
		return err;
	for (uint32_t i = 0; i < frame->unit_count; i++) {
		err = citable_add(&transaction->units, &frame->units[i], at, i, error);
		if (err)
			return err;
		if (frame->kind == FRAME_PIECE)
			pieces_ahead_note(&transaction->ahead, &frame->units[i]);
	}
	if (frame->kind == FRAME_CONTENT)
		transaction->new_bytes += frame->raw_len;
	transaction->stored_bytes += len;
	return 0;
}

void transaction_narrow(struct transaction *transaction, const int64_t *layer_ids,
			size_t count)
{
	reach_narrow(&transaction->reach, transaction->store, layer_ids, count);
}

int transaction_base(struct transaction *transaction, int64_t layer_id,
		     struct buffer *ret_root, struct error *error)
{
	claim(!transaction->ended && !transaction->has_base);
	struct layer_map map AUTO(layer_map_fini) = {0};
	struct segment_reader *reader = &transaction->pieces;
	int err = layer_map_load(transaction->store, layer_id, &transaction->pins, reader,
				 &map, error);
	if (err)
		return err;
	if (map.namespace_id != transaction->namespace_id)
		return error_set(error, ERR_DENIED, "layer %s: of another namespace",
				 map.name);
	err = layer_parts_check_sound(&map, reader, error);
	if (err)
		return err;
	*ret_root = (struct buffer){0};
	buffer_put(ret_root, map.root_bytes.at, map.root_bytes.len);
	transaction->base = map;
	map = (struct layer_map){0};
	transaction->has_base = true;
	return 0;
}
