#include "daemon/loop/crew.h"

#include <pthread.h>
#include <stdlib.h>

#include "proto/base/bytes.h"
#include "proto/base/error.h"
#include "proto/base/parallel.h"
#include "proto/bounds.h"

#define CREW_THREADS_MAX 64u

/* What a job needs to run. */
struct tools {
	struct tools *next;
	struct codec *codec; /* owned */
	uint8_t *raw;        /* owned; FRAME_RAW_MAX bytes */
};

struct crew {
	pthread_mutex_t mutex; /* guards all below; held for a few instructions only */
	pthread_cond_t work;   /* a job was submitted, a permit came back, or the end */
	pthread_cond_t done;   /* some job is done */
	struct crew_job *first, **last;
	unsigned permits;    /* free ones */
	struct tools *spare; /* owned; of crew_run(), no more than permits */
	unsigned thread_count;
	bool stopping;
	pthread_t threads[CREW_THREADS_MAX];
};

static struct tools *tools_new(void)
{
	struct tools *tools = must_calloc(1, sizeof(*tools));
	tools->codec = codec_new(1);
	tools->raw = must_alloc(FRAME_RAW_MAX);
	return tools;
}

static void tools_free(struct tools *tools)
{
	free(tools->raw);
	codec_free(tools->codec);
	free(tools);
}

/* Takes a job and a permit, or NULL at the end. */
static struct crew_job *take_job_locked(struct crew *crew)
{
	while (!crew->stopping && (!crew->first || crew->permits == 0))
		pthread_cond_wait(&crew->work, &crew->mutex);
	struct crew_job *job = crew->first;
	if (!job)
		return NULL;
	crew->first = job->next;
	if (!crew->first)
		crew->last = &crew->first;
	crew->permits--;
	return job;
}

/* Wakes nobody for nothing. */
static void give_permit_locked(struct crew *crew)
{
	crew->permits++;
	pthread_cond_broadcast(&crew->done);
	if (crew->first)
		pthread_cond_signal(&crew->work);
}

static void *crew_thread(void *context)
{
	struct crew *crew = context;
	struct tools *tools = tools_new();
	pthread_mutex_lock(&crew->mutex);
	for (struct crew_job *job; (job = take_job_locked(crew));) {
		pthread_mutex_unlock(&crew->mutex);
		job->run(job, tools->codec, tools->raw);
		pthread_mutex_lock(&crew->mutex);
		job->done = true;
		give_permit_locked(crew);
	}
	pthread_mutex_unlock(&crew->mutex);
	tools_free(tools);
	return NULL;
}

static unsigned core_count(void)
{
	unsigned cores = parallel_cores();
	return cores < CREW_THREADS_MAX ? cores : CREW_THREADS_MAX;
}

struct crew *crew_new(unsigned threads)
{
	struct crew *crew = must_calloc(1, sizeof(*crew));
	pthread_mutex_init(&crew->mutex, NULL);
	pthread_cond_init(&crew->work, NULL);
	pthread_cond_init(&crew->done, NULL);
	crew->last = &crew->first;
	crew->thread_count = threads ? threads : core_count();
	crew->permits = crew->thread_count;
	for (unsigned i = 0; i < crew->thread_count; i++)
		claim(pthread_create(&crew->threads[i], NULL, crew_thread, crew) == 0);
	return crew;
}

void crew_free(struct crew *crew)
{
	if (!crew)
		return;
	pthread_mutex_lock(&crew->mutex);
	claim(!crew->first);
	crew->stopping = true;
	pthread_cond_broadcast(&crew->work);
	pthread_mutex_unlock(&crew->mutex);
	for (unsigned i = 0; i < crew->thread_count; i++)
		pthread_join(crew->threads[i], NULL);
	for (struct tools *tools; (tools = crew->spare);) {
		crew->spare = tools->next;
		tools_free(tools);
	}
	pthread_cond_destroy(&crew->done);
	pthread_cond_destroy(&crew->work);
	pthread_mutex_destroy(&crew->mutex);
	free(crew);
}

void crew_submit(struct crew *crew, struct crew_job *job)
{
	job->next = NULL;
	job->done = false;
	pthread_mutex_lock(&crew->mutex);
	*crew->last = job;
	crew->last = &job->next;
	pthread_cond_signal(&crew->work);
	pthread_mutex_unlock(&crew->mutex);
}

bool crew_is_done(struct crew *crew, struct crew_job *job)
{
	pthread_mutex_lock(&crew->mutex);
	bool done = job->done;
	pthread_mutex_unlock(&crew->mutex);
	return done;
}

void crew_wait(struct crew *crew, struct crew_job *job)
{
	pthread_mutex_lock(&crew->mutex);
	while (!job->done)
		pthread_cond_wait(&crew->done, &crew->mutex);
	pthread_mutex_unlock(&crew->mutex);
}

void crew_enter(struct crew *crew)
{
	pthread_mutex_lock(&crew->mutex);
	while (crew->permits == 0)
		pthread_cond_wait(&crew->done, &crew->mutex);
	crew->permits--;
	pthread_mutex_unlock(&crew->mutex);
}

void crew_leave(struct crew *crew)
{
	pthread_mutex_lock(&crew->mutex);
	give_permit_locked(crew);
	pthread_mutex_unlock(&crew->mutex);
}

void crew_run(struct crew *crew, struct crew_job *job)
{
	crew_enter(crew);
	pthread_mutex_lock(&crew->mutex);
	struct tools *tools = crew->spare;
	if (tools)
		crew->spare = tools->next;
	pthread_mutex_unlock(&crew->mutex);
	if (!tools)
		tools = tools_new();
	job->run(job, tools->codec, tools->raw);
	job->done = true;
	pthread_mutex_lock(&crew->mutex);
	tools->next = crew->spare;
	crew->spare = tools;
	give_permit_locked(crew);
	pthread_mutex_unlock(&crew->mutex);
}
