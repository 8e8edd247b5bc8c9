#include "daemon/workers.h"

#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <uv.h>

#include "daemon/server.h"
#include "daemon/session.h"
#include "proto/base/bytes.h"

/* Sessions need little: SQLite and msgpack-c are the deepest callees. */
#define WORKER_STACK_SIZE (512u * 1024u)

/* The requests of one namespace that wait, first come first served. */
struct lane {
	struct lane *next; /* in the ring; the last one's is the first */
	char *namespace;   /* owned */
	struct peer *first, **last;
};

struct worker {
	struct workers *workers; /* borrowed */
	uv_thread_t thread;
	int wake_fd; /* owned; readable: stop waiting */
};

struct workers {
	struct server *server; /* borrowed */
	uv_mutex_t mutex;      /* guards all below; held for a few instructions only */
	uv_cond_t work;
	struct lane *turn; /* the lane before the one whose turn it is; NULL: none */
	struct peer *ended;
	struct worker *threads; /* owned; thread_max of them, thread_count in use */
	unsigned thread_max, thread_count, idle_count;
	uint64_t running, waiting;
	bool stopping, interrupted;
};

/* ---- lanes ---- */

static struct lane *lane_find(struct workers *workers, struct text namespace)
{
	struct lane *lane = workers->turn;
	for (bool first = true; lane && (first || lane != workers->turn);
	     lane = lane->next, first = false) {
		if (text_is(namespace, lane->namespace))
			return lane;
	}
	return NULL;
}

static struct lane *lane_new(struct workers *workers, struct text namespace)
{
	struct lane *lane = must_calloc(1, sizeof(*lane));
	lane->namespace = must_memdup(namespace.at, namespace.len);
	lane->last = &lane->first;
	lane->next = workers->turn ? workers->turn->next : lane;
	if (workers->turn)
		workers->turn->next = lane;
	workers->turn = lane;
	return lane;
}

/* Takes the lane behind `before` out of the ring. */
static void lane_remove(struct workers *workers, struct lane *before)
{
	struct lane *lane = before->next;
	if (lane == before) {
		workers->turn = NULL;
	} else {
		before->next = lane->next;
		if (workers->turn == lane)
			workers->turn = before;
	}
	free(lane->namespace);
	free(lane);
}

static struct text peer_namespace(const struct peer *peer)
{
	const struct msg_identity *identity = request_identity(peer->request);
	return identity && identity->namespace.len ? identity->namespace
						   : text_of("default");
}

static struct peer *take_locked(struct workers *workers)
{
	if (!workers->turn)
		return NULL;
	struct lane *lane = workers->turn->next;
	struct peer *peer = lane->first;
	lane->first = peer->queue_next;
	if (lane->first) {
		workers->turn = lane;
	} else {
		lane_remove(workers, workers->turn);
	}
	workers->waiting--;
	return peer;
}

static bool withdraw_locked(struct workers *workers, struct lane *before,
			    struct peer *peer)
{
	struct lane *lane = before->next;
	struct peer **at = &lane->first;
	while (*at && *at != peer)
		at = &(*at)->queue_next;
	if (!*at)
		return false;
	*at = peer->queue_next;
	if (!*at)
		lane->last = at;
	if (!lane->first)
		lane_remove(workers, before);
	workers->waiting--;
	return true;
}

/* ---- threads ---- */

static struct peer *wait_for_work(struct worker *worker)
{
	struct workers *workers = worker->workers;
	uv_mutex_lock(&workers->mutex);
	struct peer *peer = NULL;
	workers->idle_count++;
	while (!workers->stopping && !(peer = take_locked(workers)))
		uv_cond_wait(&workers->work, &workers->mutex);
	workers->idle_count--;
	if (peer)
		workers->running++;
	uv_mutex_unlock(&workers->mutex);
	return peer;
}

/* Wakes the loop before it can take the peer: behind the last one it closes its handles,
 * and what wakes it would then be gone. */
static void end_work(struct workers *workers, struct peer *peer)
{
	uv_mutex_lock(&workers->mutex);
	peer->queue_next = workers->ended;
	workers->ended = peer;
	workers->running--;
	server_wake(workers->server);
	uv_mutex_unlock(&workers->mutex);
}

static void worker_thread(void *context)
{
	struct worker *worker = context;
	for (struct peer *peer; (peer = wait_for_work(worker));) {
		session_run(worker->workers->server, peer, worker->wake_fd);
		end_work(worker->workers, peer);
	}
}

static void start_thread_locked(struct workers *workers)
{
	struct worker *worker = &workers->threads[workers->thread_count];
	worker->workers = workers;
	worker->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (worker->wake_fd < 0)
		return; /* the request waits for one of the other workers */
	uv_thread_options_t options = {.flags = UV_THREAD_HAS_STACK_SIZE,
				       .stack_size = WORKER_STACK_SIZE};
	if (workers->interrupted)
		(void)eventfd_write(worker->wake_fd, 1);
	if (uv_thread_create_ex(&worker->thread, &options, worker_thread, worker) == 0)
		workers->thread_count++;
	else
		(void)close(worker->wake_fd);
}

struct workers *workers_new(struct server *server, unsigned thread_max)
{
	struct workers *workers = must_calloc(1, sizeof(*workers));
	workers->server = server;
	workers->thread_max = thread_max;
	workers->threads = must_calloc(thread_max, sizeof(*workers->threads));
	claim(uv_mutex_init(&workers->mutex) == 0);
	claim(uv_cond_init(&workers->work) == 0);
	return workers;
}

void workers_free(struct workers *workers)
{
	if (!workers)
		return;
	uv_mutex_lock(&workers->mutex);
	claim(!workers->turn && workers->running == 0 && !workers->ended);
	workers->stopping = true;
	uv_cond_broadcast(&workers->work);
	uv_mutex_unlock(&workers->mutex);
	for (unsigned i = 0; i < workers->thread_count; i++) {
		uv_thread_join(&workers->threads[i].thread);
		(void)close(workers->threads[i].wake_fd);
	}
	uv_cond_destroy(&workers->work);
	uv_mutex_destroy(&workers->mutex);
	free(workers->threads);
	free(workers);
}

void workers_submit(struct workers *workers, struct peer *peer)
{
	uv_mutex_lock(&workers->mutex);
	struct lane *lane = lane_find(workers, peer_namespace(peer));
	if (!lane)
		lane = lane_new(workers, peer_namespace(peer));
	peer->queue_next = NULL;
	*lane->last = peer;
	lane->last = &peer->queue_next;
	workers->waiting++;
	if (workers->idle_count < workers->waiting &&
	    workers->thread_count < workers->thread_max)
		start_thread_locked(workers);
	uv_cond_signal(&workers->work);
	uv_mutex_unlock(&workers->mutex);
}

bool workers_withdraw(struct workers *workers, struct peer *peer)
{
	uv_mutex_lock(&workers->mutex);
	bool found = false;
	struct lane *before = workers->turn;
	for (bool first = true; before && !found && (first || before != workers->turn);
	     first = false) {
		struct lane *next = before->next;
		found = withdraw_locked(workers, before, peer);
		before = next;
	}
	uv_mutex_unlock(&workers->mutex);
	return found;
}

struct peer *workers_take_ended(struct workers *workers)
{
	uv_mutex_lock(&workers->mutex);
	struct peer *peer = workers->ended;
	if (peer)
		workers->ended = peer->queue_next;
	uv_mutex_unlock(&workers->mutex);
	return peer;
}

void workers_interrupt(struct workers *workers)
{
	uv_mutex_lock(&workers->mutex);
	workers->interrupted = true;
	for (unsigned i = 0; i < workers->thread_count; i++)
		(void)eventfd_write(workers->threads[i].wake_fd, 1);
	uv_mutex_unlock(&workers->mutex);
}

bool workers_are_interrupted(struct workers *workers)
{
	uv_mutex_lock(&workers->mutex);
	bool interrupted = workers->interrupted;
	uv_mutex_unlock(&workers->mutex);
	return interrupted;
}

struct workers_figures workers_figures(struct workers *workers)
{
	uv_mutex_lock(&workers->mutex);
	struct workers_figures figures = {.running = workers->running,
					  .waiting = workers->waiting};
	uv_mutex_unlock(&workers->mutex);
	return figures;
}
