/*
 * The workers: threads that run tasks, one each, in straight-line code. Tasks wait in
 * lanes, a lane for each namespace; a free worker takes from the lane of which the fewest
 * tasks run, from such lanes in turn, so that a lane with many tasks does not keep others
 * waiting. A lane never has all workers: an eighth of them, at least one where there are
 * four, is for those that come later, however long its tasks take. What a task does is
 * not known here.
 *
 * Threads are started as they are needed, up to the given number, and stay.
 */
#ifndef BATON_DAEMON_TASK_WORKERS_H
#define BATON_DAEMON_TASK_WORKERS_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/base/text.h"

struct workers;

/* Embedded in the caller's struct, which must exist until workers_withdraw() or
 * workers_take_ended() has given the task back. */
struct task {
	/* On a worker's thread. wake_fd, an eventfd, belongs to the worker: readable
	 * means that every wait must end. */
	void (*run)(struct task *task, int wake_fd);
	struct text lane;  /* borrowed while the task waits */
	struct task *next; /* set by the workers */
};

/* on_ended: called on a worker's thread after each task. It must have the loop call
 * workers_take_ended(), and must not call the workers itself. */
struct workers *workers_new(unsigned thread_max, void (*on_ended)(void *context),
			    void *context);
/* Ends and joins the threads: no task may run or wait. */
void workers_free(struct workers *workers);

enum workers_answer {
	WORKERS_TAKEN,
	WORKERS_NO_THREAD, /* there is none, and none can be started */
	WORKERS_LANE_FULL, /* WORKERS_LANE_WAITING_MAX tasks of the lane wait */
};
#define WORKERS_LANE_WAITING_MAX 1024u

/* From the loop: queues the task, if it is taken. */
enum workers_answer workers_submit(struct workers *workers, struct task *task);
/* From the loop: takes a waiting task out of its queue; false when a worker has it
 * already. */
bool workers_withdraw(struct workers *workers, struct task *task);
/* From the loop: a task that has ended, or NULL. */
struct task *workers_take_ended(struct workers *workers);

/* Every worker's wake_fd is readable from now on. */
void workers_interrupt(struct workers *workers);
/* The wake_fd of the worker that runs the task is readable, until the task has ended.
 * False: none runs it. */
bool workers_interrupt_task(struct workers *workers, const struct task *task);

struct workers_figures {
	uint64_t running, waiting;
	uint64_t ended; /* so far */
};
struct workers_figures workers_figures(struct workers *workers);

#endif
