#include "daemon/store/segment/pins.h"

#include <stdlib.h>

#include "daemon/store/segment/segments.h"

struct segment *segment_pins_find(const struct segment_pins *pins,
				  const struct segment_id *id)
{
	return segments_find(pins->at, pins->count, id);
}

int segment_pins_get(struct segment_pins *pins, struct segment_table *table,
		     const struct segment_id *id, struct segment **ret_segment,
		     struct error *error)
{
	*ret_segment = segment_pins_find(pins, id);
	if (*ret_segment)
		return 0;
	int err = segment_table_pin(table, id, ret_segment, error);
	if (err)
		return err;
	segments_insert(&pins->at, &pins->count, &pins->room, *ret_segment);
	return 0;
}

void segment_pins_add(struct segment_pins *pins, struct segment_table *table,
		      struct segment *segment)
{
	if (segment_pins_find(pins, &segment->id))
		return;
	segment_table_pin_again(table, segment);
	segments_insert(&pins->at, &pins->count, &pins->room, segment);
}

void segment_pins_fini(struct segment_pins *pins, struct segment_table *table)
{
	for (size_t i = 0; i < pins->count; i++)
		segment_table_unpin(table, pins->at[i]);
	free(pins->at);
	*pins = (struct segment_pins){0};
}
