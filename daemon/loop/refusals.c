#include "daemon/loop/refusals.h"

#include <inttypes.h>

bool refusals_may_tell(struct refusals *refusals)
{
	bool may = refusals->told < REFUSALS_TOLD_MAX;
	if (may)
		refusals->told++;
	else
		refusals->untold++;
	return may;
}

void refusals_tell(struct refusals *refusals, const struct log *log)
{
	if (refusals->untold > 0)
		log_line(log, LOG_WARNING, "refused",
			 "%" PRIu64 " more without a line of their own: at most %u in "
			 "%u s are told of those that have shown no token",
			 refusals->untold, REFUSALS_TOLD_MAX, REFUSALS_SPAN_MS / 1000);
	refusals->untold = 0;
}

void refusals_tick(struct refusals *refusals, const struct log *log, uint64_t now_ms)
{
	if (now_ms - refusals->since_ms < REFUSALS_SPAN_MS)
		return;
	refusals_tell(refusals, log);
	refusals->since_ms = now_ms;
	refusals->told = 0;
}
