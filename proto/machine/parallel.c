#include "proto/machine/parallel.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>

#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "proto/machine/thread.h"

/* zstd and the hashes need little; path buffers are on the heap. */
#define STACK_LEN (256u * 1024u)

struct parallel_thread {
	struct parallel *all; /* borrowed */
	pthread_t id;
	unsigned number;
};

struct parallel {
	struct parallel_job job;
	struct parallel_thread thread[PARALLEL_MAX];
	unsigned count;
	pthread_mutex_t mutex; /* guards first_error */
	struct error first_error;
};

/* The mask that sched_getaffinity(2) fills has a bit for each processor the kernel could
 * have; it refuses one that is too small. */
#define PROCESSORS_MAX (1u << 20)

unsigned parallel_cores(void)
{
	for (unsigned room = CPU_SETSIZE; room <= PROCESSORS_MAX; room *= 2) {
		size_t size = CPU_ALLOC_SIZE(room);
		cpu_set_t *cores AUTO_FREE = must_alloc(size);
		if (sched_getaffinity(0, size, cores) == 0)
			return (unsigned)CPU_COUNT_S(size, cores);
		if (errno != EINVAL)
			break;
	}
	return 1;
}

unsigned parallel_count(void)
{
	unsigned cores = parallel_cores();
	return cores < PARALLEL_MAX ? cores : PARALLEL_MAX;
}

static void *run_one(void *context)
{
	struct parallel_thread *thread = context;
	struct parallel *all = thread->all;
	struct error error = {0};
	int err = all->job.body(all->job.context, thread->number, &error);
	pthread_mutex_lock(&all->mutex);
	if (err && !all->first_error.code) {
		all->first_error = error;
		all->first_error.code = err;
	}
	pthread_mutex_unlock(&all->mutex);
	return NULL;
}

static void start_threads(struct parallel *threads)
{
	unsigned wanted = parallel_count();
	while (threads->count < wanted) {
		struct parallel_thread *thread = &threads->thread[threads->count];
		*thread = (struct parallel_thread){.all = threads,
						   .number = threads->count};
		if (!thread_start(&thread->id, STACK_LEN, run_one, thread))
			break;
		threads->count++;
	}
}

struct parallel *parallel_start(const struct parallel_job *job)
{
	struct parallel *threads = must_calloc(1, sizeof(*threads));
	threads->job = *job;
	pthread_mutex_init(&threads->mutex, NULL);
	start_threads(threads);
	struct error none;
	if (threads->count == 0)
		(void)parallel_join(take_ptr(&threads), &none);
	return threads;
}

int parallel_run(const struct parallel_job *job, struct error *error)
{
	struct parallel *threads = parallel_start(job);
	return threads ? parallel_join(threads, error)
		       : job->body(job->context, 0, error);
}

int parallel_join(struct parallel *threads, struct error *error)
{
	for (unsigned i = 0; i < threads->count; i++)
		(void)pthread_join(threads->thread[i].id, NULL);
	int err = threads->first_error.code;
	if (err)
		*error = threads->first_error;
	pthread_mutex_destroy(&threads->mutex);
	free(threads);
	return err;
}
