#include "daemon/crew.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "proto/bytes.h"
#include "proto/error.h"
#include "proto/limits.h"

#define CREW_THREADS_MAX 64u

struct crew {
	pthread_mutex_t mutex; /* guards all below; held for a few instructions only */
	pthread_cond_t work;   /* a job was submitted, a permit came back, or the end */
	pthread_cond_t done;   /* some job is done */
	struct crew_job *first, **last;
	unsigned permits; /* free ones */
	unsigned thread_count;
	bool stopping;
	pthread_t threads[CREW_THREADS_MAX];
};

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

static void *crew_thread(void *context)
{
	struct crew *crew = context;
	struct codec *codec = codec_new(1);
	uint8_t *raw = must_alloc(FRAME_RAW_MAX);
	pthread_mutex_lock(&crew->mutex);
	for (struct crew_job *job; (job = take_job_locked(crew));) {
		pthread_mutex_unlock(&crew->mutex);
		job->run(job, codec, raw);
		pthread_mutex_lock(&crew->mutex);
		job->done = true;
		crew->permits++;
		pthread_cond_broadcast(&crew->done);
		pthread_cond_signal(&crew->work);
	}
	pthread_mutex_unlock(&crew->mutex);
	free(raw);
	codec_free(codec);
	return NULL;
}

static unsigned core_count(void)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	if (cores < 1)
		return 1;
	return cores > (long)CREW_THREADS_MAX ? CREW_THREADS_MAX : (unsigned)cores;
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
	crew->permits++;
	pthread_cond_broadcast(&crew->done);
	pthread_cond_signal(&crew->work);
	pthread_mutex_unlock(&crew->mutex);
}
