#include "client/place/share.h"

#include "proto/machine/parallel.h"

/* Fewer entries than this are not worth starting threads for. */
#define SHARE_FROM 4096u

/* The first entry of a range; what lies behind the last range is the end of all. */
static uint32_t range_start(const struct ranges *ranges, unsigned range)
{
	uint64_t entries = ranges->table->entry_count - 1;
	return 1 + (uint32_t)(entries * range / ranges->count);
}

struct ranges ranges_of(const struct view_table *table)
{
	return (struct ranges){
		.table = table,
		.count = table->entry_count < SHARE_FROM ? 1 : parallel_count(),
	};
}

bool ranges_are_below(const struct ranges *ranges, uint32_t entry)
{
	if (ranges->table->entries[entry].type != ROW_DIRECTORY)
		return false;
	for (unsigned range = 1; range < ranges->count; range++) {
		uint32_t start = range_start(ranges, range);
		if (entry < start && start < view_table_end(ranges->table, entry))
			return true;
	}
	return false;
}

struct range_work {
	const struct ranges *ranges; /* borrowed */
	on_range *call;
	void *context; /* borrowed */
	unsigned next; /* atomic */
};

static int take_ranges(void *context, unsigned worker, struct error *error)
{
	struct range_work *work = context;
	const struct ranges *ranges = work->ranges;
	int err = 0;
	unsigned range;
	while (!err && (range = __atomic_fetch_add(&work->next, 1, __ATOMIC_RELAXED)) <
			       ranges->count)
		err = work->call(work->context, worker, range_start(ranges, range),
				 range_start(ranges, range + 1), error);
	return err;
}

int ranges_each(const struct ranges *ranges, on_range *call, void *context,
		struct error *error)
{
	struct range_work work = {.ranges = ranges, .call = call, .context = context};
	struct parallel_job job = {.body = take_ranges, .context = &work};
	if (ranges->count == 1)
		return take_ranges(&work, 0, error);
	return parallel_run(&job, error);
}
