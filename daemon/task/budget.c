#include "daemon/task/budget.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "proto/base/clock.h"

struct budget {
	uint64_t max, lane_max;
	pthread_mutex_t mutex; /* guards all below, and the shares in the lists */
	uint64_t held;
	struct budget_share *holders;
	struct budget_share *waiting, **last; /* first come, first served */
};

struct budget *budget_new(uint64_t max)
{
	struct budget *budget = must_calloc(1, sizeof(*budget));
	budget->max = max;
	budget->lane_max = max - max / 8;
	budget->last = &budget->waiting;
	claim(pthread_mutex_init(&budget->mutex, NULL) == 0);
	return budget;
}

void budget_free(struct budget *budget)
{
	if (!budget)
		return;
	claim(!budget->holders && !budget->waiting);
	(void)pthread_mutex_destroy(&budget->mutex);
	free(budget);
}

/* ---- giving ---- */

static bool fits_lane(const struct budget *budget, const struct budget_share *share)
{
	uint64_t held = 0;
	for (const struct budget_share *at = budget->holders; at; at = at->next)
		if (text_equal(at->lane, share->lane))
			held += at->cost;
	return held + share->cost <= budget->lane_max;
}

static void hold_locked(struct budget *budget, struct budget_share *share)
{
	budget->held += share->cost;
	share->given = true;
	share->next = budget->holders;
	budget->holders = share;
}

/* Takes it out of a list; false: it is not in there. */
static bool unlink_share(struct budget_share **list, const struct budget_share *share)
{
	while (*list && *list != share)
		list = &(*list)->next;
	if (!*list)
		return false;
	*list = share->next;
	return true;
}

static void leave_queue_locked(struct budget *budget, const struct budget_share *share)
{
	(void)unlink_share(&budget->waiting, share);
	budget->last = &budget->waiting;
	while (*budget->last)
		budget->last = &(*budget->last)->next;
}

/* Gives to those that wait, in turn, what there is. One that waits for its own lane is
 * passed over; one that waits for all of them is not, else it might wait forever. */
static void give_locked(struct budget *budget)
{
	struct budget_share *next;
	for (struct budget_share *at = budget->waiting; at; at = next) {
		next = at->next;
		if (!fits_lane(budget, at))
			continue;
		if (budget->held + at->cost > budget->max)
			return;
		leave_queue_locked(budget, at);
		hold_locked(budget, at);
		if (at->given_fd >= 0)
			(void)eventfd_write(at->given_fd, 1);
	}
}

/* ---- taking ---- */

static void queue_locked(struct budget *budget, struct budget_share *share)
{
	share->next = NULL;
	*budget->last = share;
	budget->last = &share->next;
	give_locked(budget);
}

static bool take_at_once(struct budget *budget, struct budget_share *share)
{
	HOLD(&budget->mutex);
	queue_locked(budget, share);
	if (!share->given)
		leave_queue_locked(budget, share);
	return share->given;
}

static void begin_to_wait(struct budget *budget, struct budget_share *share, int given_fd)
{
	HOLD(&budget->mutex);
	share->given_fd = given_fd;
	queue_locked(budget, share);
}

static int look(const struct pollfd fds[3], struct error *error)
{
	if (fds[0].revents)
		return 0;
	if (fds[1].revents)
		return error_set(error, ERR_INTERRUPTED, "the wait for memory was ended");
	if (fds[2].revents)
		return error_set(error, ERR_LOST, "the connection ended");
	return 1;
}

/* 0: it was given. */
static int await(const struct budget_share *share, const struct budget_wish *wish,
		 struct error *error)
{
	uint64_t deadline_ms = clock_now_ms() + wish->wait_ms;
	struct pollfd fds[3] = {
		{.fd = share->given_fd, .events = POLLIN},
		{.fd = wish->wake_fd, .events = POLLIN},
		{.fd = wish->peer_fd, .events = POLLRDHUP},
	};
	for (;;) {
		uint64_t now_ms = clock_now_ms();
		uint64_t left_ms = deadline_ms > now_ms ? deadline_ms - now_ms : 0;
		int ready = poll(fds, 3, left_ms > INT_MAX ? INT_MAX : (int)left_ms);
		int result = ready > 0 ? look(fds, error) : 1;
		if (result <= 0)
			return result;
		if (ready == 0 && left_ms == 0)
			return error_set(error, ERR_BUSY,
					 "the views of other requests hold what memory "
					 "there is for them (batond --view-memory), and "
					 "this one waited %.3g s; try again in a second",
					 (double)wish->wait_ms / 1000.0);
	}
}

int budget_take(struct budget *budget, const struct budget_wish *wish,
		struct budget_share *share, struct error *error)
{
	claim(!share->budget);
	*share = (struct budget_share){
		.budget = budget,
		.lane = wish->lane,
		.cost = wish->cost < budget->lane_max ? wish->cost : budget->lane_max,
		.given_fd = -1,
	};
	if (take_at_once(budget, share))
		return 0;
	int given_fd AUTO_FD = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (given_fd < 0) {
		*share = (struct budget_share){0};
		return error_set_errno(error, ERR_BUSY, errno, "no descriptor to wait");
	}
	begin_to_wait(budget, share, given_fd);
	int err = await(share, wish, error);
	if (err)
		budget_give_back(share);
	return err;
}

void budget_give_back(struct budget_share *share)
{
	struct budget *budget = share->budget;
	if (!budget)
		return;
	pthread_mutex_lock(&budget->mutex);
	if (unlink_share(&budget->holders, share))
		budget->held -= share->cost;
	else
		leave_queue_locked(budget, share);
	give_locked(budget);
	pthread_mutex_unlock(&budget->mutex);
	*share = (struct budget_share){0};
}

bool budget_is_wanted(struct budget *budget)
{
	HOLD(&budget->mutex);
	return budget->waiting != NULL;
}
