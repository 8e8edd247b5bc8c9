#include "daemon/workspace/leading.h"

#include <stdlib.h>

#include "proto/base/array.h"
#include "proto/path/path.h"

void leading_fini(struct leading *leading)
{
	free(leading->rows);
	buffer_fini(&leading->path);
}

static bool is_above(const struct leading *leading, const struct leading_row *waiting,
		     const struct row *row)
{
	return path_below(row->path, row->path_len, (const char *)leading->path.at,
			  waiting->path_len);
}

void leading_enter(struct leading *leading, const struct row *row)
{
	while (leading->count > 0 &&
	       !is_above(leading, &leading->rows[leading->count - 1], row))
		leading->count--;
	if (leading->given > leading->count)
		leading->given = leading->count;
}

void leading_wait(struct leading *leading, const struct merged_row *merged)
{
	const struct row *row = &merged->row;
	buffer_clear(&leading->path);
	buffer_put(&leading->path, row->path, row->path_len);
	array_make_room(leading->rows, leading->count, leading->room);
	leading->rows[leading->count++] = (struct leading_row){
		.path_len = row->path_len,
		.time = row->time,
		.source = merged->source,
		.mode = row->mode,
	};
}

bool leading_give(struct leading *leading, struct merged_row *ret_row)
{
	if (leading->given == leading->count)
		return false;
	const struct leading_row *waiting = &leading->rows[leading->given++];
	*ret_row = (struct merged_row){
		.row = {.path = (const char *)leading->path.at,
			.path_len = waiting->path_len,
			.type = ROW_DIRECTORY,
			.mode = waiting->mode,
			.time = waiting->time},
		.source = waiting->source,
	};
	return true;
}
