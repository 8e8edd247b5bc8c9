#include "client/upload/base.h"

#include <stdlib.h>
#include <string.h>

#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"

/* ---- which pieces the base has ---- */

static int compare_digests(const void *a, const void *b)
{
	return memcmp(a, b, SHA256_LEN);
}

static struct digest *sorted_pieces(const struct root *root)
{
	struct digest *pieces = must_calloc(root->piece_count + 1, sizeof(*pieces));
	for (size_t i = 0; i < root->piece_count; i++)
		pieces[i] = root->pieces[i].name.sha;
	qsort(pieces, root->piece_count, sizeof(*pieces), compare_digests);
	return pieces;
}

bool base_has(const struct base *base, const struct unit_name *piece)
{
	return base->root && bsearch(&piece->sha, base->pieces, base->root->piece_count,
				     sizeof(*base->pieces), compare_digests);
}

/* ---- which rows it has ---- */

static uint32_t *first_rows(const struct root *root)
{
	uint32_t *firsts = must_calloc(root->piece_count + 1, sizeof(*firsts));
	for (size_t i = 0; i < root->piece_count; i++)
		firsts[i + 1] =
			firsts[i] + (uint32_t)totals_rows(&root->pieces[i].totals);
	return firsts;
}

static uint32_t number_rows(const struct record *record, uint32_t *numbers)
{
	uint32_t next = 0;
	for (uint32_t i = 0; i < record_count(record); i++)
		numbers[i] = record_name_of(record, i).in_base ? next++ : BASE_ROW_NONE;
	return next;
}

static void number_all(struct base *base, const struct record *record)
{
	base->firsts = first_rows(base->root);
	base->numbers = must_calloc(record_count(record), sizeof(*base->numbers));
	if (number_rows(record, base->numbers) == base->firsts[base->root->piece_count])
		return;
	free(take_ptr(&base->numbers));
	free(take_ptr(&base->firsts));
}

void base_init(struct base *base, const struct root *root, const struct record *record,
	       const char *prefix)
{
	*base = (struct base){.root = root};
	if (!root)
		return;
	base->pieces = sorted_pieces(root);
	if (record && record_base(record)->aligned && !(prefix && *prefix))
		number_all(base, record);
}

void base_fini(struct base *base)
{
	free(base->pieces);
	free(base->numbers);
	free(base->firsts);
}

bool base_knows_rows(const struct base *base)
{
	return base->numbers;
}

/* ---- which pieces stand ---- */

/* Pieces of the base that a new manifest has again. Where all rows of one stand
 * unchanged, one behind the other and nothing between them, encoding them would give the
 * same piece: a piece begins anew, and where it ends depends on its own rows and at most
 * on the next one. So the time for a large tree goes by what has changed in it. */

/* BASE_ROW_NONE: the entry is not, or no longer, what it is in the base. */
static uint32_t row_in_base(const struct base *base, const struct tree *tree,
			    uint32_t number)
{
	const struct entry *entry = tree_entry(tree, number);
	if (!entry->is_recorded || (entry->type == ROW_FILE && !entry->is_known))
		return BASE_ROW_NONE;
	return base->numbers[entry->record];
}

/* From this entry on the first that is a row; the count of all where there is none. */
static uint32_t next_row(const struct tree *tree, uint32_t number)
{
	while (number < tree->count && !tree_entry(tree, number)->is_row)
		number++;
	return number;
}

/* The position of the piece that begins with the row; the count of pieces: none does. */
static size_t piece_from(const struct base *base, uint32_t row)
{
	const uint32_t *firsts = base->firsts;
	size_t low = 0, high = base->root->piece_count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (firsts[middle] < row)
			low = middle + 1;
		else
			high = middle;
	}
	return firsts[low] == row ? low : base->root->piece_count;
}

/* Whether a manifest that goes on like this would end the piece behind its last row. */
static bool ends_there(const struct base *base, const struct tree *tree,
		       const struct root_piece *piece, uint32_t last, uint32_t row_behind)
{
	uint32_t behind = next_row(tree, last + 1);
	if (behind == tree->count || row_in_base(base, tree, behind) == row_behind)
		return true;
	struct buffer path AUTO(buffer_fini) = {0};
	tree_path(tree, last, &path);
	return piece_ends_by_itself(piece, (const char *)path.at, path.len);
}

const struct root_piece *base_same_piece(const struct base *base, const struct tree *tree,
					 uint32_t number, uint32_t *ret_last)
{
	if (!base->numbers)
		return NULL;
	uint32_t row = row_in_base(base, tree, number);
	size_t at = row == BASE_ROW_NONE ? base->root->piece_count
					 : piece_from(base, row);
	if (at == base->root->piece_count)
		return NULL;
	const struct root_piece *piece = &base->root->pieces[at];
	uint32_t end = base->firsts[at + 1];
	while (++row < end) {
		number = next_row(tree, number + 1);
		if (number == tree->count || row_in_base(base, tree, number) != row)
			return NULL;
	}
	if (!ends_there(base, tree, piece, number, end))
		return NULL;
	*ret_last = number;
	return piece;
}
