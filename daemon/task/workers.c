#include "daemon/task/workers.h"

#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <uv.h>

#include "proto/base/bytes.h"
#include "proto/base/error.h"

/* Sessions need little: SQLite and msgpack-c are the deepest callees. */
#define WORKER_STACK_SIZE (512u * 1024u)

/* Tasks of one name: those that wait, first come first served, and how many run. It is
 * there as long as it has any. */
struct lane {
	struct lane *next; /* in the ring; the last one's is the first */
	char *name;        /* owned */
	struct task *first, **last;
	unsigned waiting, running;
};

struct workers_thread {
	struct workers *workers; /* borrowed */
	uv_thread_t thread;
	int wake_fd;             /* owned; readable: stop waiting */
	const struct task *task; /* borrowed; NULL: it waits for work */
	struct lane *lane;       /* of the task */
};

struct workers {
	void (*on_ended)(void *context);
	void *context;
	uv_mutex_t mutex; /* guards all below; held for a few instructions only */
	uv_cond_t work;
	struct lane *turn; /* the one served last, or newer; NULL: there is none */
	struct task *ended;
	struct workers_thread
		*threads; /* owned; thread_max of them, thread_count in use */
	unsigned thread_max, thread_count, idle_count, lane_max;
	uint64_t running, waiting, ended_count;
	bool stopping, interrupted;
};

/* ---- lanes ---- */

static struct lane *lane_find(struct workers *workers, struct text name)
{
	struct lane *lane = workers->turn;
	for (bool first = true; lane && (first || lane != workers->turn);
	     lane = lane->next, first = false) {
		if (text_is(name, lane->name))
			return lane;
	}
	return NULL;
}

static struct lane *lane_new(struct workers *workers, struct text name)
{
	struct lane *lane = must_calloc(1, sizeof(*lane));
	lane->name = must_memdup(name.at, name.len);
	lane->last = &lane->first;
	lane->next = workers->turn ? workers->turn->next : lane;
	if (workers->turn)
		workers->turn->next = lane;
	workers->turn = lane;
	return lane;
}

/* Takes a lane that has nothing left out of the ring. */
static void lane_leave(struct workers *workers, struct lane *lane)
{
	if (lane->waiting || lane->running)
		return;
	struct lane *before = lane;
	while (before->next != lane)
		before = before->next;
	before->next = lane->next;
	if (workers->turn == lane)
		workers->turn = before == lane ? NULL : before;
	free(lane->name);
	free(lane);
}

/* The lane to serve: of those that have a task and may run one more, the first of those
 * that run fewest, in the order of the ring after the last served one. NULL: none. */
static struct lane *lane_next(const struct workers *workers)
{
	struct lane *best = NULL;
	struct lane *lane = workers->turn;
	if (workers->waiting == 0)
		return NULL;
	do {
		lane = lane->next;
		bool may = lane->waiting && lane->running < workers->lane_max;
		if (may && (!best || lane->running < best->running))
			best = lane;
	} while (lane != workers->turn);
	return best;
}

static struct task *take_locked(struct workers *workers, struct lane **ret_lane)
{
	struct lane *lane = lane_next(workers);
	if (!lane)
		return NULL;
	struct task *task = lane->first;
	lane->first = task->next;
	if (!lane->first)
		lane->last = &lane->first;
	lane->waiting--;
	lane->running++;
	workers->waiting--;
	workers->running++;
	workers->turn = lane;
	*ret_lane = lane;
	return task;
}

static bool withdraw_locked(struct workers *workers, struct lane *lane, struct task *task)
{
	struct task **at = &lane->first;
	while (*at && *at != task)
		at = &(*at)->next;
	if (!*at)
		return false;
	*at = task->next;
	if (!*at)
		lane->last = at;
	lane->waiting--;
	workers->waiting--;
	lane_leave(workers, lane);
	return true;
}

/* ---- threads ---- */

static struct task *wait_for_work(struct workers_thread *worker)
{
	struct workers *workers = worker->workers;
	uv_mutex_lock(&workers->mutex);
	struct task *task = NULL;
	workers->idle_count++;
	while (!workers->stopping && !(task = take_locked(workers, &worker->lane)))
		uv_cond_wait(&workers->work, &workers->mutex);
	workers->idle_count--;
	worker->task = task;
	uv_mutex_unlock(&workers->mutex);
	return task;
}

/* A wake-up that was meant for one task (a superseded persist) must not end the next
 * one. */
static void reset_wake_locked(const struct workers_thread *worker)
{
	eventfd_t count;
	(void)eventfd_read(worker->wake_fd, &count);
	if (worker->workers->interrupted)
		(void)eventfd_write(worker->wake_fd, 1);
}

/* Calls on_ended before the loop can take the task: after the last task the loop closes
 * its handles, among them the one that on_ended uses. */
static void end_work(struct workers_thread *worker, struct task *task)
{
	struct workers *workers = worker->workers;
	uv_mutex_lock(&workers->mutex);
	reset_wake_locked(worker);
	worker->task = NULL;
	worker->lane->running--;
	lane_leave(workers, worker->lane);
	task->next = workers->ended;
	workers->ended = task;
	workers->running--;
	workers->ended_count++;
	workers->on_ended(workers->context);
	/* The lane may run one more: this worker may take from another one. */
	if (workers->waiting)
		uv_cond_signal(&workers->work);
	uv_mutex_unlock(&workers->mutex);
}

static void worker_thread(void *context)
{
	struct workers_thread *worker = context;
	for (struct task *task; (task = wait_for_work(worker));) {
		task->run(task, worker->wake_fd);
		end_work(worker, task);
	}
}

static void start_thread_locked(struct workers *workers)
{
	struct workers_thread *worker = &workers->threads[workers->thread_count];
	worker->workers = workers;
	worker->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (worker->wake_fd < 0)
		return; /* the task waits for one of the other workers */
	uv_thread_options_t options = {.flags = UV_THREAD_HAS_STACK_SIZE,
				       .stack_size = WORKER_STACK_SIZE};
	if (workers->interrupted)
		(void)eventfd_write(worker->wake_fd, 1);
	if (uv_thread_create_ex(&worker->thread, &options, worker_thread, worker) == 0)
		workers->thread_count++;
	else
		(void)close(worker->wake_fd);
}

/* Tasks of one lane that may run at once. */
static unsigned lane_max_of(unsigned thread_max)
{
	unsigned kept = thread_max / 8;
	return thread_max - (kept || thread_max < 4 ? kept : 1);
}

struct workers *workers_new(unsigned thread_max, void (*on_ended)(void *context),
			    void *context)
{
	struct workers *workers = must_calloc(1, sizeof(*workers));
	workers->on_ended = on_ended;
	workers->context = context;
	workers->thread_max = thread_max;
	workers->lane_max = lane_max_of(thread_max);
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

static enum workers_answer queue_locked(struct workers *workers, struct task *task)
{
	struct lane *lane = lane_find(workers, task->lane);
	if (lane && lane->waiting >= WORKERS_LANE_WAITING_MAX)
		return WORKERS_LANE_FULL;
	if (!lane)
		lane = lane_new(workers, task->lane);
	task->next = NULL;
	*lane->last = task;
	lane->last = &task->next;
	lane->waiting++;
	workers->waiting++;
	uv_cond_signal(&workers->work);
	return WORKERS_TAKEN;
}

enum workers_answer workers_submit(struct workers *workers, struct task *task)
{
	uv_mutex_lock(&workers->mutex);
	if (workers->idle_count <= workers->waiting &&
	    workers->thread_count < workers->thread_max)
		start_thread_locked(workers);
	enum workers_answer answer = WORKERS_NO_THREAD;
	if (workers->thread_count > 0)
		answer = queue_locked(workers, task);
	uv_mutex_unlock(&workers->mutex);
	return answer;
}

bool workers_withdraw(struct workers *workers, struct task *task)
{
	uv_mutex_lock(&workers->mutex);
	struct lane *lane = lane_find(workers, task->lane);
	bool found = lane && withdraw_locked(workers, lane, task);
	uv_mutex_unlock(&workers->mutex);
	return found;
}

struct task *workers_take_ended(struct workers *workers)
{
	uv_mutex_lock(&workers->mutex);
	struct task *task = workers->ended;
	if (task)
		workers->ended = task->next;
	uv_mutex_unlock(&workers->mutex);
	return task;
}

void workers_interrupt(struct workers *workers)
{
	uv_mutex_lock(&workers->mutex);
	workers->interrupted = true;
	for (unsigned i = 0; i < workers->thread_count; i++)
		(void)eventfd_write(workers->threads[i].wake_fd, 1);
	uv_mutex_unlock(&workers->mutex);
}

bool workers_interrupt_task(struct workers *workers, const struct task *task)
{
	bool found = false;
	uv_mutex_lock(&workers->mutex);
	for (unsigned i = 0; i < workers->thread_count && !found; i++) {
		found = workers->threads[i].task == task;
		if (found)
			(void)eventfd_write(workers->threads[i].wake_fd, 1);
	}
	uv_mutex_unlock(&workers->mutex);
	return found;
}

struct workers_figures workers_figures(struct workers *workers)
{
	uv_mutex_lock(&workers->mutex);
	struct workers_figures figures = {.running = workers->running,
					  .waiting = workers->waiting,
					  .ended = workers->ended_count};
	uv_mutex_unlock(&workers->mutex);
	return figures;
}
