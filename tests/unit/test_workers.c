/* Whose turn it is: lanes, withdrawal, interruption. Sessions are played by this file:
 * session_run() below takes the place of the daemon's. */
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/server.h"
#include "daemon/session.h"
#include "daemon/workers.h"
#include "proto/base/bytes.h"

#define RUNS_MAX 1000u

/* What sessions do: they note who runs and wait at the gate. */
static struct {
	pthread_mutex_t mutex; /* guards all below */
	pthread_cond_t changed;
	bool open;
	char ran[RUNS_MAX]; /* first letters of labels, in order */
	size_t begun, ended;
	bool woken; /* the last one found its wake-up readable */
} stage = {.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

void session_run(struct server *server, struct peer *peer, int wake_fd)
{
	(void)server;
	pthread_mutex_lock(&stage.mutex);
	stage.ran[stage.begun++] = peer->label[0];
	pthread_cond_broadcast(&stage.changed);
	while (!stage.open)
		pthread_cond_wait(&stage.changed, &stage.mutex);
	pthread_mutex_unlock(&stage.mutex);
	struct pollfd wake = {.fd = wake_fd, .events = POLLIN};
	bool woken = poll(&wake, 1, 0) == 1;
	pthread_mutex_lock(&stage.mutex);
	stage.woken = woken;
	pthread_mutex_unlock(&stage.mutex);
}

void server_wake(struct server *server)
{
	(void)server;
	pthread_mutex_lock(&stage.mutex);
	stage.ended++;
	pthread_cond_broadcast(&stage.changed);
	pthread_mutex_unlock(&stage.mutex);
}

void peer_set_silent(struct peer *peer, bool silent)
{
	peer->silent = silent;
}

static void wait_for(const size_t *counter, size_t count)
{
	pthread_mutex_lock(&stage.mutex);
	while (*counter < count)
		pthread_cond_wait(&stage.changed, &stage.mutex);
	pthread_mutex_unlock(&stage.mutex);
}

static void set_gate(bool open)
{
	pthread_mutex_lock(&stage.mutex);
	stage.open = open;
	pthread_cond_broadcast(&stage.changed);
	pthread_mutex_unlock(&stage.mutex);
}

/* ---- peers ---------------------------------------------------------------------- */

/* The label's first letter tells who ran. */
static struct peer *peer_new(char letter, const char *namespace)
{
	struct peer *peer = must_calloc(1, sizeof *peer);
	peer->request = must_calloc(1, sizeof *peer->request);
	peer->request->type = MSG_PERSIST;
	peer->request->persist.identity.namespace = text_of(namespace);
	peer->label[0] = letter;
	return peer;
}

static void peer_drop(struct peer *peer)
{
	free(peer->request);
	free(peer);
}

static struct peer *submit(struct workers *workers, char letter, const char *namespace)
{
	struct peer *peer = peer_new(letter, namespace);
	workers_submit(workers, peer);
	return peer;
}

/* With a first session that holds the only worker. */
static struct workers *busy_workers(void)
{
	set_gate(false);
	stage.begun = stage.ended = 0;
	memset(stage.ran, 0, sizeof stage.ran);
	struct workers *workers = workers_new(NULL, 1);
	(void)submit(workers, '0', "holder");
	wait_for(&stage.begun, 1);
	return workers;
}

/* Lets all run, to the end; who ran in which order is in stage.ran. */
static void finish(struct workers *workers, size_t count)
{
	set_gate(true);
	wait_for(&stage.ended, count);
	for (struct peer *peer; (peer = workers_take_ended(workers));) {
		peer_drop(peer);
		count--;
	}
	assert_int_equal(count, 0);
	struct workers_figures figures = workers_figures(workers);
	assert_int_equal(figures.running + figures.waiting, 0);
	workers_free(workers);
}

/* ---- tests ---------------------------------------------------------------------- */

static void namespaces_take_turns_and_each_is_first_come_first_served(void **state)
{
	(void)state;
	struct workers *workers = busy_workers();
	for (const char *letter = "abcde"; *letter; letter++)
		(void)submit(workers, *letter, "many");
	(void)submit(workers, 'A', "small");
	(void)submit(workers, 'B', "small");
	(void)submit(workers, 'x', NULL);
	(void)submit(workers, 'y', "default");
	assert_int_equal(workers_figures(workers).waiting, 9);
	assert_int_equal(workers_figures(workers).running, 1);
	finish(workers, 10);
	assert_string_equal(stage.ran, "0aAxbBycde");
}

static void who_is_withdrawn_does_not_run_and_others_keep_their_turn(void **state)
{
	(void)state;
	struct workers *workers = busy_workers();
	struct peer *peers[128] = {0};
	const char *who = "abcdAxyz";
	const char *const namespaces[] = {"1", "1", "1", "1", "2", "3", "3", "3"};
	for (size_t i = 0; who[i]; i++)
		peers[(unsigned char)who[i]] = submit(workers, who[i], namespaces[i]);
	/* The last, one in the middle, the first, a lane's only one. */
	for (const char *gone = "zbxA"; *gone; gone++) {
		struct peer *peer = peers[(unsigned char)*gone];
		assert_true(workers_withdraw(workers, peer));
		assert_false(workers_withdraw(workers, peer));
		peer_drop(peer);
	}
	(void)submit(workers, 'e', "1");
	(void)submit(workers, 'B', "2");
	(void)submit(workers, 'u', "3");
	assert_int_equal(workers_figures(workers).waiting, 7);
	finish(workers, 8);
	assert_string_equal(stage.ran, "0ayBcude");
}

static void what_runs_cannot_be_withdrawn(void **state)
{
	(void)state;
	struct workers *workers = busy_workers();
	struct peer *stranger = peer_new('s', "holder");
	assert_false(workers_withdraw(workers, stranger));
	struct peer *only = submit(workers, 'a', "a");
	assert_false(workers_withdraw(workers, stranger));
	assert_true(workers_withdraw(workers, only));
	assert_false(workers_withdraw(workers, only));
	peer_drop(stranger);
	peer_drop(only);
	finish(workers, 1);
	assert_string_equal(stage.ran, "0");
}

static void an_interrupt_reaches_what_runs_and_what_comes_later(void **state)
{
	(void)state;
	set_gate(false);
	stage.begun = stage.ended = 0;
	struct workers *workers = workers_new(NULL, 2);
	(void)submit(workers, 'a', "a");
	wait_for(&stage.begun, 1);
	assert_false(workers_are_interrupted(workers));
	workers_interrupt(workers);
	assert_true(workers_are_interrupted(workers));
	set_gate(true);
	wait_for(&stage.ended, 1);
	assert_true(stage.woken);
	set_gate(false);
	stage.woken = false;
	(void)submit(workers, 'b', "a");
	(void)submit(workers, 'c', "a");
	wait_for(&stage.begun, 3);
	finish(workers, 3);
	assert_true(stage.woken);
}

static void many_workers_run_each_request_once(void **state)
{
	(void)state;
	static const char *const namespaces[] = {"a", "b", "c", "d"};
	set_gate(true);
	stage.begun = stage.ended = 0;
	struct workers *workers = workers_new(NULL, 8);
	for (size_t i = 0; i < RUNS_MAX; i++)
		(void)submit(workers, 'r', namespaces[i * 7 % 13 % 4]);
	finish(workers, RUNS_MAX);
	assert_int_equal(stage.begun, RUNS_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			namespaces_take_turns_and_each_is_first_come_first_served),
		cmocka_unit_test(
			who_is_withdrawn_does_not_run_and_others_keep_their_turn),
		cmocka_unit_test(what_runs_cannot_be_withdrawn),
		cmocka_unit_test(an_interrupt_reaches_what_runs_and_what_comes_later),
		cmocka_unit_test(many_workers_run_each_request_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
