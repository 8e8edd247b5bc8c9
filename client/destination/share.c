/* What is done for each entry, by all workers at once: each takes ranges of entries that
 * follow each other, which are subtrees but for the directories above where ranges meet.
 */
#include "client/destination/internal.h"

/* Fewer entries than this are not worth starting threads for. */
#define SHARE_FROM 4096u

/* The first entry of a range; what lies behind the last range is the end of all. */
static uint32_t range_start(const struct materialise *m, unsigned range)
{
	uint64_t entries = m->table->entry_count - 1;
	return 1 + (uint32_t)(entries * range / m->ranges);
}

void ranges_init(struct materialise *m)
{
	m->ranges = m->table->entry_count < SHARE_FROM ? 1 : parallel_count();
}

bool is_above_ranges(const struct materialise *m, uint32_t entry)
{
	if (m->table->entries[entry].type != ROW_DIRECTORY)
		return false;
	for (unsigned range = 1; range < m->ranges; range++) {
		uint32_t start = range_start(m, range);
		if (entry < start && start < view_table_end(m->table, entry))
			return true;
	}
	return false;
}

struct range_work {
	struct materialise *m; /* borrowed */
	on_range *call;
	unsigned next; /* atomic */
};

static int take_ranges(void *context, unsigned worker, struct error *error)
{
	struct range_work *work = context;
	struct materialise *m = work->m;
	int err = 0;
	unsigned range;
	while (!err &&
	       (range = __atomic_fetch_add(&work->next, 1, __ATOMIC_RELAXED)) < m->ranges)
		err = work->call(m, worker, range_start(m, range),
				 range_start(m, range + 1), error);
	return err;
}

int each_range(struct materialise *m, on_range *call, struct error *error)
{
	struct range_work work = {.m = m, .call = call};
	struct parallel_job job = {.body = take_ranges, .context = &work};
	struct parallel *workers;
	if (m->ranges == 1)
		return take_ranges(&work, 0, error);
	int err = parallel_start(&job, &workers, error);
	return err ? err : parallel_join(workers, error);
}
