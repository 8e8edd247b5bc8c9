/*
 * The pieces of a commit. A piece of the base is taken over by reference, unread, unless
 * something beside it is new: the order of rows across a cut, and that the cut had to be
 * there, can only be checked with the rows of both sides.
 */
#include <stdlib.h>
#include <string.h>

#include "daemon/store/layer/parts.h"
#include "daemon/store/transaction/commit_state.h"
#include "proto/base/cleanup.h"

/* ---- what the base has already ------------------------------------------------ */

struct base_entry {
	const struct root_piece *piece;
	size_t position;
};

static int compare_entries(const void *a, const void *b)
{
	const struct base_entry *left = a, *right = b;
	return memcmp(left->piece->name.sha.bytes, right->piece->name.sha.bytes,
		      SHA256_LEN);
}

static struct base_entry *sort_base(const struct root *root, struct error *error)
{
	struct base_entry *entries =
		may_calloc(root->piece_count + 1, sizeof(*entries), error);
	if (!entries)
		return NULL;
	for (size_t i = 0; i < root->piece_count; i++)
		entries[i] = (struct base_entry){&root->pieces[i], i};
	qsort(entries, root->piece_count, sizeof(*entries), compare_entries);
	return entries;
}

static bool totals_equal(const struct totals *a, const struct totals *b)
{
	return a->files == b->files && a->directories == b->directories &&
	       a->symlinks == b->symlinks && a->bytes == b->bytes && a->units == b->units;
}

/* Whether the base's entry says all that the new one says. */
static bool entries_agree(const struct root_piece *a, const struct root_piece *b)
{
	return unit_name_equal(&a->name, &b->name) &&
	       totals_equal(&a->totals, &b->totals) &&
	       digest_equal(&a->content, &b->content);
}

static int match_base(struct commit *commit, struct error *error)
{
	const struct root *base = &commit->transaction->base.root;
	struct base_entry *entries AUTO_FREE = sort_base(base, error);
	commit->base_taken = may_calloc(base->piece_count + 1, sizeof(bool), error);
	commit->citation.base_taken = commit->base_taken;
	commit->base_pieces = may_calloc(commit->root.piece_count + 1,
					 sizeof(*commit->base_pieces), error);
	if (!entries || !commit->base_taken || !commit->base_pieces)
		return ERR_NO_MEMORY;
	for (size_t i = 0; i < commit->root.piece_count; i++) {
		struct base_entry wanted = {.piece = &commit->root.pieces[i]};
		const struct base_entry *found =
			bsearch(&wanted, entries, base->piece_count, sizeof(*entries),
				compare_entries);
		bool taken = found && entries_agree(found->piece, wanted.piece);
		commit->base_pieces[i] = taken ? found->position : NEW_PIECE;
		if (taken)
			commit->base_taken[found->position] = true;
	}
	return 0;
}

/* ---- new pieces --------------------------------------------------------------- */

static int piece_error(size_t piece, struct error *error)
{
	struct error why = *error;
	return error_set(error, why.code, "piece %zu of the manifest: %s", piece,
			 why.text);
}

static bool is_as_root_says(const struct checked_piece *piece,
			    const struct root_piece *entry)
{
	return totals_equal(&piece->totals, &entry->totals) &&
	       digest_equal(&piece->content, &entry->content);
}

static int name_segments(struct commit *commit, size_t piece,
			 const struct segment_id *ids, size_t count, struct error *error)
{
	int err = 0;
	for (size_t i = 0; i < count && !err; i++)
		err = placement_name(&commit->placement, piece, &ids[i], error);
	return err;
}

static int place_new(struct commit *commit, size_t piece,
		     const struct checked_piece *checked, struct error *error)
{
	struct segment_list *segments = &commit->placement.segments;
	commit->placement.pieces[piece] = (struct piece_place){
		.segment = segment_list_put(segments, &checked->place.segment),
		.offset = checked->place.offset,
		.unit = checked->position,
		.block_segment = segment_list_put(segments, &checked->block.segment),
		.block_offset = checked->block.offset,
	};
	return name_segments(commit, piece, checked->block_segments.ids,
			     checked->block_segments.count, error);
}

/* What was not checked ahead is checked now, and kept likewise. */
static int check_new(struct commit *commit, size_t piece, struct piece_edges *ret_edges,
		     struct error *error)
{
	struct transaction *transaction = commit->transaction;
	const struct root_piece *entry = &commit->root.pieces[piece];
	const struct checked_piece *checked =
		pieces_ahead_find(&transaction->ahead, &entry->name);
	struct checked_piece now AUTO(checked_piece_fini) = {0};
	int err = 0;
	if (!checked)
		err = piece_check(transaction, &commit->citation, &entry->name, &now,
				  error);
	if (!err && !is_as_root_says(checked ? checked : &now, entry))
		err = error_set(error, ERR_DAMAGED,
				"not what the root says of its contents");
	if (!err && !checked)
		err = piece_check_write(transaction, &now, error);
	if (!err)
		err = place_new(commit, piece, checked ? checked : &now, error);
	if (err)
		return err;
	*ret_edges = piece_edges_copy(checked ? &checked->edges : &now.edges);
	return 0;
}

static int edges_of_taken(struct commit *commit, size_t piece,
			  struct piece_edges *ret_edges, struct error *error)
{
	struct transaction *transaction = commit->transaction;
	size_t len = commit->root.pieces[piece].name.key.len;
	const uint8_t *bytes;
	int err = layer_parts_piece(&transaction->base, commit->base_pieces[piece],
				    &transaction->pieces, &bytes, error);
	return err ? piece_try_again(error)
		   : piece_check_edges(transaction, bytes, len, ret_edges, error);
}

/* ---- all pieces --------------------------------------------------------------- */

/* Whether nobody has checked yet that this piece may follow the one before it. */
static bool cut_is_new(const struct commit *commit, size_t piece)
{
	if (piece == 0 || piece == commit->root.piece_count)
		return false;
	size_t before = commit->base_pieces[piece - 1];
	size_t behind = commit->base_pieces[piece];
	return before == NEW_PIECE || behind == NEW_PIECE || behind != before + 1;
}

/* A base that was placed before placements said what blocks name: the block does. Where
 * it cannot be read, all that the base needs. */
static int name_by_block(struct commit *commit, size_t piece, struct error *error)
{
	struct transaction *transaction = commit->transaction;
	const struct layer_map *base = &transaction->base;
	struct block block AUTO(block_fini) = {0};
	struct error ignored;
	if (layer_map_block(base, commit->base_pieces[piece], &transaction->heads, &block,
			    &ignored) < 0)
		return name_segments(commit, piece, base->place.segments,
				     base->place.segment_count, error);
	return name_segments(commit, piece, block.segments.ids, block.segments.count,
			     error);
}

static int name_taken(struct commit *commit, size_t piece, struct error *error)
{
	const struct placement *base = &commit->transaction->base.placement;
	const struct piece_place *from = &base->pieces[commit->base_pieces[piece]];
	int err = 0;
	for (size_t i = 0; i < from->named_count && !err; i++)
		err = placement_name(
			&commit->placement, piece,
			&base->segments.ids[base->named[from->named_first + i]], error);
	return err;
}

static int take_over(struct commit *commit, size_t piece, struct error *error)
{
	const struct placement *base = &commit->transaction->base.placement;
	struct piece_place place = base->pieces[commit->base_pieces[piece]];
	struct segment_list *segments = &commit->placement.segments;
	place.segment = segment_list_put(segments, &base->segments.ids[place.segment]);
	place.block_segment =
		segment_list_put(segments, &base->segments.ids[place.block_segment]);
	place.named_count = 0;
	commit->placement.pieces[piece] = place;
	return base->is_exact ? name_taken(commit, piece, error)
			      : name_by_block(commit, piece, error);
}

static int check_piece(struct commit *commit, size_t piece, struct error *error)
{
	bool is_new = commit->base_pieces[piece] == NEW_PIECE;
	int err = is_new ? 0 : take_over(commit, piece, error);
	if (err)
		return err;
	if (!is_new && !cut_is_new(commit, piece) && !cut_is_new(commit, piece + 1))
		return 0;
	struct piece_edges edges AUTO(piece_edges_fini) = {0};
	err = is_new ? check_new(commit, piece, &edges, error)
		     : edges_of_taken(commit, piece, &edges, error);
	if (!err && cut_is_new(commit, piece))
		err = piece_edges_follow(&commit->before, &edges, error);
	if (err)
		return piece_error(piece, error);
	piece_edges_fini(&commit->before);
	commit->before = edges;
	edges = (struct piece_edges){0};
	return 0;
}

int commit_check_pieces(struct commit *commit, struct error *error)
{
	int err = match_base(commit, error);
	pieces_ahead_sort(&commit->transaction->ahead);
	if (!err)
		err = segment_writer_flush(&commit->transaction->writer, error);
	if (err)
		return err;
	commit->placement.piece_count = commit->root.piece_count;
	commit->placement.pieces = may_calloc(commit->root.piece_count + 1,
					      sizeof(*commit->placement.pieces), error);
	if (!commit->placement.pieces)
		return ERR_NO_MEMORY;
	for (size_t i = 0; i < commit->root.piece_count; i++) {
		err = check_piece(commit, i, error);
		if (err)
			return err;
	}
	return 0;
}
