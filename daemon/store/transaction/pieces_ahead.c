#include "daemon/store/transaction/pieces_ahead.h"

#include <stdlib.h>
#include <string.h>

#include "proto/base/array.h"
#include "proto/base/cleanup.h"

void pieces_ahead_fini(struct pieces_ahead *ahead)
{
	for (size_t i = 0; i < ahead->checked_count; i++)
		checked_piece_fini(&ahead->checked[i]);
	free(ahead->checked);
	free(ahead->waiting);
	*ahead = (struct pieces_ahead){0};
}

static bool is_noted(const struct pieces_ahead *ahead, const struct unit_name *name)
{
	for (size_t i = ahead->waiting_count; i-- > 0;)
		if (unit_name_equal(&ahead->waiting[i], name))
			return true;
	return false;
}

void pieces_ahead_note(struct pieces_ahead *ahead, const struct unit_name *name)
{
	if (ahead->len > PIECES_AHEAD_LEN_MAX || is_noted(ahead, name))
		return;
	struct error ignored; /* without memory it is checked when it has to be */
	if (array_may_make_room(ahead->waiting, ahead->waiting_count, ahead->waiting_room,
				&ignored))
		return;
	ahead->waiting[ahead->waiting_count++] = *name;
	ahead->len += sizeof(*ahead->waiting);
}

int pieces_ahead_keep(struct pieces_ahead *ahead, const struct checked_piece *piece,
		      struct error *error)
{
	if (array_may_make_room(ahead->checked, ahead->checked_count, ahead->checked_room,
				error))
		return ERR_NO_MEMORY;
	ahead->checked[ahead->checked_count++] = *piece;
	ahead->len += sizeof(*piece) + piece->edges.first_len + piece->edges.last_len +
		      piece->block_segments.room * sizeof(*piece->block_segments.ids);
	return 0;
}

/* ---- finding ------------------------------------------------------------------ */

static int compare(const void *a, const void *b)
{
	const struct checked_piece *left = a, *right = b;
	return memcmp(left->name.sha.bytes, right->name.sha.bytes, SHA256_LEN);
}

void pieces_ahead_sort(struct pieces_ahead *ahead)
{
	if (ahead->checked_count > 1)
		qsort(ahead->checked, ahead->checked_count, sizeof(*ahead->checked),
		      compare);
}

const struct checked_piece *pieces_ahead_find(const struct pieces_ahead *ahead,
					      const struct unit_name *name)
{
	if (ahead->checked_count == 0)
		return NULL;
	struct checked_piece wanted = {.name = *name};
	const struct checked_piece *found = bsearch(&wanted, ahead->checked,
						    ahead->checked_count,
						    sizeof(*ahead->checked), compare);
	return found && unit_name_equal(&found->name, name) ? found : NULL;
}
