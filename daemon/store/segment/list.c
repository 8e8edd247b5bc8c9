#include "daemon/store/segment/list.h"

#include <stdlib.h>

#include "daemon/store/segment/segment.h"
#include "proto/base/array.h"

uint32_t segment_list_put(struct segment_list *list, const struct segment_id *id)
{
	/* Neighbours lie together, so the latest one is the likeliest. */
	for (size_t i = list->count; i > 0; i--)
		if (segment_id_equal(&list->ids[i - 1], id))
			return (uint32_t)(i - 1);
	array_make_room(list->ids, list->count, list->room);
	list->ids[list->count] = *id;
	return (uint32_t)list->count++;
}

void segment_list_fini(struct segment_list *list)
{
	free(list->ids);
	*list = (struct segment_list){0};
}
