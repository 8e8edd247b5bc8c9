#include "proto/link/meter.h"

#include "proto/base/clock.h"

void link_meter_begin(struct link_meter *meter, uint64_t moved)
{
	atomic_store(&meter->moved, moved);
	atomic_store(&meter->since_ms, clock_now_ms());
}

/* A reader that sees the wait both over and going on would count it twice: it sees
 * waited_ms change, and reads again. */
void link_meter_end(struct link_meter *meter)
{
	uint64_t since = atomic_load(&meter->since_ms);
	uint64_t waited = clock_now_ms() - since;
	atomic_store(&meter->since_ms, 0);
	atomic_store(&meter->waited_ms, atomic_load(&meter->waited_ms) + waited);
}

struct link_pace link_meter_read(const struct link_meter *meter)
{
	for (;;) {
		uint64_t waited = atomic_load(&meter->waited_ms);
		uint64_t since = atomic_load(&meter->since_ms);
		struct link_pace pace = {atomic_load(&meter->moved), waited};
		if (since)
			pace.waited_ms += clock_now_ms() - since;
		if (atomic_load(&meter->waited_ms) == waited)
			return pace;
	}
}
