#include "daemon/task/crew.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "proto/base/bytes.h"
#include "proto/base/error.h"
#include "proto/bounds.h"
#include "proto/machine/parallel.h"

#define CREW_THREADS_MAX 64u
/* zstd and SHA-256 are the deepest callees. */
#define CREW_STACK_SIZE (512u * 1024u)

/* What a job needs to run. */
struct tools {
	struct tools *next;
	struct codec *codec; /* owned */
	uint8_t *raw;        /* owned; FRAME_RAW_MAX bytes, pages of its own */
};

struct crew {
	pthread_mutex_t mutex; /* guards all below; held for a few instructions only */
	pthread_cond_t work; /* a job was submitted, a permit was given back, or the crew
				stops */
	pthread_cond_t done; /* some job is done */
	struct crew_job *first, **last;
	unsigned permits;    /* free ones */
	unsigned permit_max; /* also the most tools that are made */
	struct tools *spare; /* owned */
	unsigned tools_made; /* at least 1 */
	unsigned thread_count;
	bool stopping;
	pthread_t threads[CREW_THREADS_MAX];
};

/* NULL: no memory. */
static struct tools *tools_new(void)
{
	uint8_t *raw = mmap(NULL, FRAME_RAW_MAX, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (raw == MAP_FAILED)
		return NULL;
	struct tools *tools = must_calloc(1, sizeof(*tools));
	tools->codec = codec_new(1);
	tools->raw = raw;
	return tools;
}

static void tools_free(struct tools *tools)
{
	(void)munmap(tools->raw, FRAME_RAW_MAX);
	codec_free(tools->codec);
	free(tools);
}

/* The caller holds a permit. Without memory for new tools it waits until a job returns
 * its own. That always happens: at least one set exists, and a job that has tools waits
 * for nothing. */
static struct tools *take_tools_locked(struct crew *crew)
{
	struct tools *tools = NULL;
	while (!tools && !crew->spare) {
		tools = crew->tools_made < crew->permit_max ? tools_new() : NULL;
		if (tools)
			crew->tools_made++;
		else
			pthread_cond_wait(&crew->done, &crew->mutex);
	}
	if (tools)
		return tools;
	tools = crew->spare;
	crew->spare = tools->next;
	return tools;
}

/* Waits for a job and takes it with a permit; NULL when the crew stops. */
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

/* Wakes a thread only if there is a job for it. */
static void give_permit_locked(struct crew *crew)
{
	crew->permits++;
	pthread_cond_broadcast(&crew->done);
	if (crew->first)
		pthread_cond_signal(&crew->work);
}

/* The caller holds a permit, which this gives back. The mutex is unlocked while the job
 * runs. */
static void run_locked(struct crew *crew, struct crew_job *job)
{
	struct tools *tools = take_tools_locked(crew);
	pthread_mutex_unlock(&crew->mutex);
	job->run(job, tools->codec, tools->raw);
	pthread_mutex_lock(&crew->mutex);
	tools->next = crew->spare;
	crew->spare = tools;
	job->done = true;
	give_permit_locked(crew);
}

static void *crew_thread(void *context)
{
	struct crew *crew = context;
	pthread_mutex_lock(&crew->mutex);
	for (struct crew_job *job; (job = take_job_locked(crew));)
		run_locked(crew, job);
	pthread_mutex_unlock(&crew->mutex);
	return NULL;
}

static unsigned core_count(void)
{
	unsigned cores = parallel_cores();
	return cores < CREW_THREADS_MAX ? cores : CREW_THREADS_MAX;
}

/* Starts threads until there are enough or the system refuses one. */
static void start_threads(struct crew *crew)
{
	pthread_attr_t attributes;
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, CREW_STACK_SIZE);
	while (crew->thread_count < crew->permit_max &&
	       pthread_create(&crew->threads[crew->thread_count], &attributes,
			      crew_thread, crew) == 0)
		crew->thread_count++;
	pthread_attr_destroy(&attributes);
}

int crew_new(unsigned threads, struct crew **ret_crew, struct error *error)
{
	struct tools *tools = tools_new();
	if (!tools)
		return error_set_errno(error, ERR_NO_MEMORY, errno,
				       "no buffer to decompress into");
	struct crew *crew = must_calloc(1, sizeof(*crew));
	pthread_mutex_init(&crew->mutex, NULL);
	pthread_cond_init(&crew->work, NULL);
	pthread_cond_init(&crew->done, NULL);
	crew->last = &crew->first;
	crew->permits = crew->permit_max = threads ? threads : core_count();
	crew->spare = tools;
	crew->tools_made = 1;
	start_threads(crew);
	*ret_crew = crew;
	return 0;
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

unsigned crew_threads(const struct crew *crew)
{
	return crew->thread_count;
}

void crew_submit(struct crew *crew, struct crew_job *job)
{
	if (crew->thread_count == 0) {
		crew_run(crew, job);
		return;
	}
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

static void enter_locked(struct crew *crew)
{
	while (crew->permits == 0)
		pthread_cond_wait(&crew->done, &crew->mutex);
	crew->permits--;
}

void crew_enter(struct crew *crew)
{
	pthread_mutex_lock(&crew->mutex);
	enter_locked(crew);
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
	pthread_mutex_lock(&crew->mutex);
	job->done = false;
	enter_locked(crew);
	run_locked(crew, job);
	pthread_mutex_unlock(&crew->mutex);
}

void crew_give_back(struct crew *crew)
{
	pthread_mutex_lock(&crew->mutex);
	for (struct tools *tools = crew->spare; tools; tools = tools->next)
		(void)madvise(tools->raw, FRAME_RAW_MAX, MADV_DONTNEED);
	pthread_mutex_unlock(&crew->mutex);
}
