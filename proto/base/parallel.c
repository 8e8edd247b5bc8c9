#include "proto/base/parallel.h"

#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>

#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"

/* zstd and the hashes need little; path buffers are on the heap. */
#define STACK_LEN (256u * 1024u)

struct worker {
	struct workers *all; /* borrowed */
	pthread_t thread;
	unsigned number;
};

struct workers {
	struct worker_job job;
	struct worker worker[WORKERS_MAX];
	unsigned count;
	pthread_mutex_t mutex; /* guards first_error */
	struct error first_error;
};

unsigned workers_count(void)
{
	cpu_set_t cpus;
	int count = sched_getaffinity(0, sizeof cpus, &cpus) ? 1 : CPU_COUNT(&cpus);
	if (count < 1)
		return 1;
	return (unsigned)count < WORKERS_MAX ? (unsigned)count : WORKERS_MAX;
}

static void *run_one(void *context)
{
	struct worker *worker = context;
	struct workers *all = worker->all;
	struct error error = {0};
	int err = all->job.body(all->job.context, worker->number, &error);
	pthread_mutex_lock(&all->mutex);
	if (err && !all->first_error.code) {
		all->first_error = error;
		all->first_error.code = err;
	}
	pthread_mutex_unlock(&all->mutex);
	return NULL;
}

static void start_threads(struct workers *workers)
{
	pthread_attr_t attributes;
	pthread_attr_init(&attributes);
	(void)pthread_attr_setstacksize(&attributes, STACK_LEN);
	unsigned wanted = workers_count();
	while (workers->count < wanted) {
		struct worker *worker = &workers->worker[workers->count];
		*worker = (struct worker){.all = workers, .number = workers->count};
		if (pthread_create(&worker->thread, &attributes, run_one, worker) != 0)
			break;
		workers->count++;
	}
	pthread_attr_destroy(&attributes);
}

int workers_start(const struct worker_job *job, struct workers **ret_workers,
		  struct error *error)
{
	struct workers *workers = must_calloc(1, sizeof *workers);
	workers->job = *job;
	pthread_mutex_init(&workers->mutex, NULL);
	start_threads(workers);
	if (workers->count == 0) {
		(void)workers_join(workers, error);
		return error_set(error, ERR_NO_MEMORY, "threads: none could be started");
	}
	*ret_workers = workers;
	return 0;
}

int workers_join(struct workers *workers, struct error *error)
{
	for (unsigned i = 0; i < workers->count; i++)
		(void)pthread_join(workers->worker[i].thread, NULL);
	int err = workers->first_error.code;
	if (err)
		*error = workers->first_error;
	pthread_mutex_destroy(&workers->mutex);
	free(workers);
	return err;
}
