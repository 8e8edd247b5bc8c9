/* Memory that requests hold together (rule A11): who waits, and for whom. */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/task/budget.h"

#define MAX 800u
#define LANE_MAX 700u
#define PATIENCE_MS 60000u /* never waited for */

static struct budget_wish wish_of(const char *lane, uint64_t cost, uint64_t wait_ms)
{
	return (struct budget_wish){
		.lane = text_of(lane),
		.cost = cost,
		.wake_fd = -1,
		.peer_fd = -1,
		.wait_ms = wait_ms,
	};
}

static int take_now(struct budget *budget, const char *lane, uint64_t cost,
		    struct budget_share *share)
{
	struct error error = {0};
	struct budget_wish wish = wish_of(lane, cost, 0);
	return budget_take(budget, &wish, share, &error);
}

static void there_is_so_much_and_no_byte_more(void **state)
{
	(void)state;
	struct budget *budget = budget_new(MAX);
	struct budget_share a = {0}, b = {0}, c = {0};
	assert_int_equal(take_now(budget, "a", 400, &a), 0);
	assert_int_equal(take_now(budget, "b", 401, &b), ERR_BUSY);
	assert_false(budget_is_wanted(budget));
	assert_int_equal(take_now(budget, "b", 400, &b), 0);
	assert_int_equal(take_now(budget, "c", 1, &c), ERR_BUSY);
	budget_give_back(&a);
	assert_int_equal(take_now(budget, "c", 1, &c), 0);
	budget_give_back(&b);
	budget_give_back(&c);
	budget_give_back(&c); /* an empty one */
	budget_free(budget);
}

static void one_lane_never_has_all_of_it(void **state)
{
	(void)state;
	struct budget *budget = budget_new(MAX);
	struct budget_share a = {0}, more = {0}, b = {0};
	assert_int_equal(take_now(budget, "a", LANE_MAX, &a), 0);
	assert_int_equal(take_now(budget, "a", 1, &more), ERR_BUSY);
	assert_int_equal(take_now(budget, "b", MAX - LANE_MAX, &b), 0);
	budget_give_back(&a);
	budget_give_back(&b);
	budget_free(budget);
}

/* Else nobody could ever attach it. */
static void who_wants_more_than_there_is_has_it_alone(void **state)
{
	(void)state;
	struct budget *budget = budget_new(MAX);
	struct budget_share a = {0}, b = {0};
	assert_int_equal(take_now(budget, "a", 1, &a), 0);
	assert_int_equal(take_now(budget, "a", 10 * MAX, &b), ERR_BUSY);
	budget_give_back(&a);
	assert_int_equal(take_now(budget, "a", 10 * MAX, &b), 0);
	assert_int_equal(take_now(budget, "a", 1, &a), ERR_BUSY);
	budget_give_back(&b);
	budget_free(budget);
}

static void a_budget_of_nothing_is_none(void **state)
{
	(void)state;
	struct budget *budget = budget_new(0);
	struct budget_share a = {0}, b = {0};
	assert_int_equal(take_now(budget, "a", MAX, &a), 0);
	assert_int_equal(take_now(budget, "a", MAX, &b), 0);
	budget_give_back(&a);
	budget_give_back(&b);
	budget_free(budget);
}

/* ---- those that wait ---- */

struct waiter {
	struct budget *budget;
	struct budget_wish wish;
	struct budget_share share;
	struct error error;
	pthread_t thread;
	int done_fd; /* readable when it has an answer */
	int result;
};

static void *wait_for_it(void *context)
{
	struct waiter *waiter = context;
	waiter->result = budget_take(waiter->budget, &waiter->wish, &waiter->share,
				     &waiter->error);
	(void)eventfd_write(waiter->done_fd, 1);
	return NULL;
}

static void begin(struct waiter *waiter, struct budget *budget, struct budget_wish wish)
{
	*waiter = (struct waiter){.budget = budget, .wish = wish};
	waiter->done_fd = eventfd(0, EFD_CLOEXEC);
	assert_int_equal(pthread_create(&waiter->thread, NULL, wait_for_it, waiter), 0);
}

static int end(struct waiter *waiter)
{
	eventfd_t ignored;
	(void)eventfd_read(waiter->done_fd, &ignored);
	pthread_join(waiter->thread, NULL);
	close(waiter->done_fd);
	return waiter->result;
}

static void await_wanted(struct budget *budget)
{
	while (!budget_is_wanted(budget))
		sched_yield();
}

/* "small" would fit, and would keep "large" waiting for ever if others like it came. */
static void shares_are_given_in_the_order_of_asking(void **state)
{
	(void)state;
	struct budget *budget = budget_new(MAX);
	struct budget_share held = {0}, small = {0}, own = {0};
	struct waiter large;
	assert_int_equal(take_now(budget, "a", 500, &held), 0);
	begin(&large, budget, wish_of("b", 600, PATIENCE_MS));
	await_wanted(budget);
	assert_int_equal(take_now(budget, "c", 100, &small), ERR_BUSY);
	budget_give_back(&held);
	assert_int_equal(end(&large), 0);
	assert_false(budget_is_wanted(budget));
	assert_int_equal(take_now(budget, "c", 100, &small), 0);
	assert_int_equal(take_now(budget, "b", 101, &own), ERR_BUSY);
	budget_give_back(&small);
	budget_give_back(&large.share);
	budget_free(budget);
}

static void who_waits_for_its_own_lane_keeps_no_other_waiting(void **state)
{
	(void)state;
	struct budget *budget = budget_new(MAX);
	struct budget_share held = {0}, other = {0};
	struct waiter own;
	assert_int_equal(take_now(budget, "a", LANE_MAX, &held), 0);
	begin(&own, budget, wish_of("a", 50, PATIENCE_MS));
	await_wanted(budget);
	assert_int_equal(take_now(budget, "b", 100, &other), 0);
	budget_give_back(&held);
	assert_int_equal(end(&own), 0);
	budget_give_back(&other);
	budget_give_back(&own.share);
	budget_free(budget);
}

static void a_wait_ends_when_it_is_woken_or_its_peer_leaves(void **state)
{
	(void)state;
	struct budget *budget = budget_new(MAX);
	struct budget_share held = {0};
	struct waiter woken, left;
	int ends[2], wake_fd = eventfd(0, EFD_CLOEXEC);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	assert_int_equal(take_now(budget, "a", LANE_MAX, &held), 0);
	struct budget_wish wish = wish_of("a", 1, PATIENCE_MS);
	wish.wake_fd = wake_fd;
	begin(&woken, budget, wish);
	wish.wake_fd = -1;
	wish.peer_fd = ends[0];
	begin(&left, budget, wish);
	await_wanted(budget);
	(void)eventfd_write(wake_fd, 1);
	assert_int_equal(end(&woken), ERR_INTERRUPTED);
	close(ends[1]);
	assert_int_equal(end(&left), ERR_LOST);
	assert_false(budget_is_wanted(budget));
	budget_give_back(&held);
	budget_free(budget);
	close(ends[0]);
	close(wake_fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(there_is_so_much_and_no_byte_more),
		cmocka_unit_test(one_lane_never_has_all_of_it),
		cmocka_unit_test(who_wants_more_than_there_is_has_it_alone),
		cmocka_unit_test(a_budget_of_nothing_is_none),
		cmocka_unit_test(shares_are_given_in_the_order_of_asking),
		cmocka_unit_test(who_waits_for_its_own_lane_keeps_no_other_waiting),
		cmocka_unit_test(a_wait_ends_when_it_is_woken_or_its_peer_leaves),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
