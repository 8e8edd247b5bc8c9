/* Pieces of the base that a new manifest has again. Where all rows of one stand
 * unchanged, one behind the other and nothing between them, encoding them would give the
 * same piece: a piece begins anew, and where it ends depends on its own rows and at most
 * on the next one. So the time for a large tree goes by what has changed in it. */
#include <stdlib.h>

#include "client/upload/internal.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"

/* ---- which rows the base has -------------------------------------------------- */

static uint32_t *first_rows(const struct root *base)
{
	uint32_t *firsts = must_calloc(base->piece_count + 1, sizeof *firsts);
	for (size_t i = 0; i < base->piece_count; i++)
		firsts[i + 1] =
			firsts[i] + (uint32_t)totals_rows(&base->pieces[i].totals);
	return firsts;
}

static uint32_t number_rows(const struct record *record, uint32_t *numbers)
{
	uint32_t next = 0;
	for (uint32_t i = 0; i < record_count(record); i++)
		numbers[i] = record_name(record, i).in_base ? next++ : BASE_ROW_NONE;
	return next;
}

void base_rows_init(struct base_rows *rows, const struct upload_request *request)
{
	const struct record *record = request->record;
	bool has_prefix = request->prefix && *request->prefix;
	if (!request->base || !record || !record_base(record)->aligned || has_prefix)
		return;
	rows->firsts = first_rows(request->base);
	rows->numbers = must_calloc(record_count(record), sizeof *rows->numbers);
	uint32_t count = number_rows(record, rows->numbers);
	if (count != rows->firsts[request->base->piece_count])
		base_rows_fini(rows);
}

void base_rows_fini(struct base_rows *rows)
{
	free(rows->numbers);
	free(rows->firsts);
	*rows = (struct base_rows){0};
}

/* ---- which pieces stand ------------------------------------------------------- */

/* BASE_ROW_NONE: the entry is not, or no longer, what it is in the base. */
static uint32_t row_in_base(const struct upload *upload, uint32_t number)
{
	const struct entry *entry = tree_entry(upload->tree, number);
	if (!entry->is_recorded || (entry->type == ROW_FILE && !entry->is_known))
		return BASE_ROW_NONE;
	return upload->base_rows.numbers[entry->record];
}

/* From this entry on the first that is a row; the count of all where there is none. */
static uint32_t next_row(const struct upload *upload, uint32_t number)
{
	while (number < upload->tree->count && !tree_entry(upload->tree, number)->is_row)
		number++;
	return number;
}

/* The position of the piece that begins with the row; the count of pieces: none does. */
static size_t piece_from(const struct upload *upload, uint32_t row)
{
	const uint32_t *firsts = upload->base_rows.firsts;
	size_t low = 0, high = upload->request->base->piece_count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (firsts[middle] < row)
			low = middle + 1;
		else
			high = middle;
	}
	return firsts[low] == row ? low : upload->request->base->piece_count;
}

/* Whether a manifest that goes on like this would end the piece behind its last row. */
static bool ends_there(const struct upload *upload, const struct root_piece *piece,
		       uint32_t last, uint32_t row_behind)
{
	uint32_t behind = next_row(upload, last + 1);
	if (behind == upload->tree->count || row_in_base(upload, behind) == row_behind)
		return true;
	struct buffer path AUTO(buffer_fini) = {0};
	tree_path(upload->tree, last, &path);
	return piece_ends_by_itself(piece, (const char *)path.at, path.len);
}

const struct root_piece *upload_same_piece(const struct upload *upload, uint32_t number,
					   uint32_t *ret_last)
{
	const struct root *base = upload->request->base;
	if (!upload->base_rows.numbers)
		return NULL;
	uint32_t row = row_in_base(upload, number);
	size_t at = row == BASE_ROW_NONE ? base->piece_count : piece_from(upload, row);
	if (at == base->piece_count)
		return NULL;
	uint32_t end = upload->base_rows.firsts[at + 1];
	while (++row < end) {
		number = next_row(upload, number + 1);
		if (number == upload->tree->count || row_in_base(upload, number) != row)
			return NULL;
	}
	if (!ends_there(upload, &base->pieces[at], number, end))
		return NULL;
	*ret_last = number;
	return &base->pieces[at];
}
