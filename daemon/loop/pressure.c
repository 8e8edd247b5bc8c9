#include "daemon/loop/pressure.h"

#include "daemon/loop/peer_end.h"

bool pressure_make_room(struct peers *peers)
{
	struct peer *longest = NULL; /* of equal ones the last, which came first */
	for (struct peer *peer = peers->first; peer; peer = peer->next)
		if (peer->state == PEER_IDLE &&
		    (!longest || peer->deadline_ms <= longest->deadline_ms))
			longest = peer;
	if (longest)
		peer_close(longest);
	return longest != NULL;
}

static bool is_below(const struct config *config, const struct link_pace *from,
		     const struct link_pace *to)
{
	uint64_t waited_ms = to->waited_ms - from->waited_ms;
	return to->moved - from->moved < config->min_rate * waited_ms / 1000;
}

/* Looks at the span that is over, when one is. */
static void measure(const struct config *config, struct peer *peer,
		    const struct link_pace *now)
{
	struct pace *pace = &peer->pace;
	if (now->waited_ms - pace->mark.waited_ms < config->min_rate_over_ms)
		return;
	pace->slow = is_below(config, &pace->mark, now);
	pace->mark = *now;
}

/* Whether somebody waits for what it has: its place, or its memory. */
static bool is_missed(const struct peers *peers, struct peer *peer)
{
	/* One that a free worker is about to take does not wait for a place. */
	struct workers_figures figures = workers_figures(peers->workers);
	bool is_full = figures.running + figures.waiting > peers->config->sessions;
	return (figures.waiting > 0 && is_full) ||
	       (atomic_load(&peer->pace.holds_memory) && budget_is_wanted(peers->views));
}

/* One that was slow and goes faster now may stay. */
static void end_if_slow(struct peers *peers, struct peer *peer)
{
	const struct link_pace now = link_meter_read(&peer->meter);
	struct pace *pace = &peer->pace;
	measure(peers->config, peer, &now);
	if (!pace->slow || atomic_load(&pace->too_slow))
		return;
	bool goes_on = now.waited_ms == pace->mark.waited_ms ||
		       is_below(peers->config, &pace->mark, &now);
	if (!goes_on || !is_missed(peers, peer))
		return;
	atomic_store(&pace->too_slow, true);
	(void)workers_interrupt_task(peers->workers, &peer->task);
}

void pressure_tick(struct peers *peers)
{
	if (peers->config->min_rate == 0)
		return;
	for (struct peer *peer = peers->first; peer; peer = peer->next)
		if (peer->state == PEER_GIVEN)
			end_if_slow(peers, peer);
}
