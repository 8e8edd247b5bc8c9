/*
 * The commit, in its order: check what is new piece by piece while its blocks are written
 * (commit_pieces.c), write placement, root and commit frame, sync, tell the catalogue,
 * then the unit index.
 */
#include <stdlib.h>
#include <string.h>

#include "daemon/store/index/batch.h"
#include "daemon/store/index/index.h"
#include "daemon/store/transaction/commit_frame.h"
#include "daemon/store/transaction/commit_state.h"
#include "proto/base/cleanup.h"

static void commit_fini(struct commit *commit)
{
	root_fini(&commit->root);
	placement_fini(&commit->placement);
	segment_list_fini(&commit->segments);
	free(commit->base_pieces);
	free(commit->base_taken);
	piece_edges_fini(&commit->before);
	facts_release(commit->transaction->store->catalogue, &commit->layer);
	layer_facts_fini(&commit->layer);
}

/* ---- the end ------------------------------------------------------------------ */

/* What pieces and blocks name, where the placement says so, and where root and placement
 * are: no more than the layer needs. That of its commit frame is there already. */
static void list_segments(struct commit *commit)
{
	const struct segment_list *placement = &commit->placement.segments;
	(void)segment_list_put(&commit->segments, &commit->placement_place.segment);
	(void)segment_list_put(&commit->segments, &commit->root_place.segment);
	for (size_t i = 0; i < placement->count; i++)
		(void)segment_list_put(&commit->segments, &placement->ids[i]);
}

static int write_placement_and_root(struct commit *commit,
				    const struct transaction_commit *input,
				    struct error *error)
{
	struct transaction *transaction = commit->transaction;
	struct buffer encoded AUTO(buffer_fini) = {0};
	int err = placement_encode(&encoded, &commit->placement, error);
	if (!err)
		err = transaction_put_single(transaction, FRAME_PLACEMENT, &encoded,
					     &commit->placement_place, error);
	buffer_clear(&encoded);
	if (!err)
		err = buffer_may_reserve(&encoded, input->root_len, error);
	if (err)
		return err;
	buffer_put(&encoded, input->root, input->root_len);
	if (!err)
		err = transaction_put_single(transaction, FRAME_ROOT, &encoded,
					     &commit->root_place, error);
	return err;
}

/* The layer as it will be: what the catalogue gave it, and what came of it. */
static int describe(struct commit *commit, const struct transaction_commit *input,
		    struct error *error)
{
	struct transaction *transaction = commit->transaction;
	struct layer_facts *layer = &commit->layer;
	int err = facts_reserve(transaction->store->catalogue, input->execution_id, layer,
				error);
	if (err)
		return err;
	memcpy(layer->key, input->key, KEY_LEN);
	layer->digest = sha256_of(input->root, input->root_len);
	layer->content = root_content_digest(&commit->root);
	layer->totals = root_totals(&commit->root);
	layer->new_bytes = transaction->new_bytes;
	layer->stored_bytes = transaction->stored_bytes;
	layer->root = commit->root_place;
	layer->placement = commit->placement_place;
	return 0;
}

/* What a catalogue must remember in which this layer can be (forgotten.h), and what one
 * that is made again knows it by. */
static int write_commit_frame(struct commit *commit, struct error *error)
{
	struct transaction *transaction = commit->transaction;
	struct stamp_mark mark = catalogue_mark(transaction->store->catalogue);
	struct buffer encoded AUTO(buffer_fini) = {0};
	commit_frame_encode(&encoded, &mark, &commit->layer);
	struct stored_place place;
	int err = transaction_put_single(transaction, FRAME_COMMIT, &encoded, &place,
					 error);
	if (err)
		return err;
	(void)segment_list_put(&commit->segments, &place.segment);
	list_segments(commit);
	return 0;
}

static int tell_catalogue(struct commit *commit, struct layer_record *ret_record,
			  bool *ret_again, struct error *error)
{
	struct transaction *transaction = commit->transaction;
	size_t written_count;
	struct segment_row *written AUTO_FREE =
		segment_writer_rows(&transaction->writer, &written_count);
	const struct layer_commit layer = {
		.layer = &commit->layer,
		.segments = commit->segments.ids,
		.segment_count = commit->segments.count,
		.written = written,
		.written_count = written_count,
		.place_in = transaction->has_place ? transaction->namespace_id : 0,
	};
	int err = catalogue_commit_layer(transaction->store->catalogue, &layer,
					 ret_record, ret_again, error);
	transaction->has_place &= err || *ret_again;
	return err ? health_fail_if_broken(&transaction->store->health, error) : 0;
}

/* Hands the session's own units to the index, sorted. The layer is there: without memory
 * for it the index does not know them, and they may be sent again. */
static void tell_index(struct transaction *transaction)
{
	const struct citable *units = &transaction->units;
	struct index_batch *batch =
		index_batch_new(transaction->namespace_id, units->count);
	if (!batch)
		return;
	for (uint32_t i = 0; i < units->count; i++) {
		const struct unit_entry *entry = &units->entries[i];
		const struct unit_frame *frame = &units->frames[entry->frame];
		if (frame->origin != FRAME_OWN)
			continue;
		struct unit_place place = {
			.sha = entry->name.sha,
			.segment = frame->segment->id,
			.offset = frame->offset,
			.position = entry->position,
		};
		(void)index_batch_add(batch, &entry->name.key, &place);
	}
	index_batch_sort(batch);
	index_add(transaction->store->units, batch);
}

static int commit_all(struct commit *commit, const struct transaction_commit *input,
		      struct layer_record *ret_record, bool *ret_again,
		      struct error *error)
{
	struct transaction *transaction = commit->transaction;
	int err = health_check_writable(&transaction->store->health, error);
	if (!err)
		err = root_decode(input->root, input->root_len, &commit->root, error);
	if (err)
		return err;
	err = commit_check_pieces(commit, error);
	if (!err)
		err = write_placement_and_root(commit, input, error);
	if (!err)
		err = describe(commit, input, error);
	if (!err)
		err = write_commit_frame(commit, error);
	if (!err)
		err = segment_writer_sync(&transaction->writer, error);
	if (!err)
		err = tell_catalogue(commit, ret_record, ret_again, error);
	return err;
}

int transaction_commit(struct transaction *transaction,
		       const struct transaction_commit *input,
		       struct layer_record *ret_record, bool *ret_again,
		       struct error *error)
{
	claim(!transaction->ended);
	transaction->ended = true;
	struct commit commit AUTO(commit_fini) = {.transaction = transaction};
	bool again = false;
	int err = commit_all(&commit, input, ret_record, &again, error);
	if (err || again) {
		segment_writer_abort(&transaction->writer);
	} else {
		segment_writer_commit(&transaction->writer);
		tell_index(transaction);
	}
	if (!err)
		*ret_again = again;
	return err;
}
