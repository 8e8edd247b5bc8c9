#include "daemon/store/segment/segments.h"

#include <string.h>

#include "daemon/store/segment/segment.h"
#include "proto/base/array.h"

size_t segments_position(struct segment *const *at, size_t count,
			 const struct segment_id *id)
{
	size_t low = 0;
	while (low < count) {
		size_t middle = low + (count - low) / 2;
		if (segment_id_compare(&at[middle]->id, id) < 0)
			low = middle + 1;
		else
			count = middle;
	}
	return low;
}

struct segment *segments_find(struct segment *const *at, size_t count,
			      const struct segment_id *id)
{
	size_t position = segments_position(at, count, id);
	if (position == count || !segment_id_equal(&at[position]->id, id))
		return NULL;
	return at[position];
}

void segments_insert(struct segment ***at, size_t *count, size_t *room,
		     struct segment *segment)
{
	array_make_room(*at, *count, *room);
	size_t position = segments_position(*at, *count, &segment->id);
	memmove(*at + position + 1, *at + position, (*count - position) * sizeof(**at));
	(*at)[position] = segment;
	(*count)++;
}
