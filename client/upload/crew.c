#include "client/upload/crew.h"

#include <stdlib.h>

#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "proto/machine/parallel.h"
#include "proto/machine/thread.h"

/* Entries that a worker takes at a time: neighbours share a directory, and their bytes a
 * frame. */
#define TAKE_ENTRIES 64u
#define WORKERS_MAX 8u

struct upload_threads {
	struct upload_worker workers[WORKERS_MAX];
	unsigned count;
	bool has_receiver;
	pthread_t receiver;
};

/* ---- workers ---- */

static void worker_init(struct upload_worker *worker, struct upload_crew *crew)
{
	*worker =
		(struct upload_worker){.crew = crew, .out = must_alloc(FRAME_STORED_MAX)};
	content_reader_init(&worker->reader, crew->reading, worker->out);
	packer_init(&worker->packer, worker->out);
}

static void worker_fini(struct upload_worker *worker)
{
	content_reader_fini(&worker->reader);
	packer_fini(&worker->packer);
	free(worker->out);
}

enum job { JOB_NONE, JOB_FINISH, JOB_READ, JOB_REVISIT, JOB_END };

/* Answered batches go first: they make room. */
static enum job choose_locked(struct upload_worker *worker, struct batch **ret_batch,
			      struct revisit *ret_revisit)
{
	struct upload_crew *crew = worker->crew;
	if (crew->flow->code)
		return JOB_END;
	*ret_batch = batch_queue_take(&crew->exchange->answered);
	if (*ret_batch)
		return JOB_FINISH;
	if (crew->flow->is_closing)
		return JOB_END;
	bool has_input = worker->holds || crew->next < crew->walked;
	if (!has_input && crew->reading->again.count == 0)
		return JOB_NONE;
	*ret_batch = exchange_take_free_locked(crew->exchange);
	if (!*ret_batch)
		return JOB_NONE;
	if (!has_input) {
		(void)reading_next_again_locked(crew->reading, ret_revisit);
		return JOB_REVISIT;
	}
	if (!worker->holds) {
		worker->reader.next = crew->next;
		uint32_t left = crew->walked - crew->next;
		crew->next += left < TAKE_ENTRIES ? left : TAKE_ENTRIES;
		worker->reader.end = crew->next;
	}
	return JOB_READ;
}

bool upload_crew_is_quiet_locked(const struct upload_crew *crew)
{
	return crew->next == crew->walked && crew->reading->again.count == 0 &&
	       crew->busy == 0 && crew->holders == 0 && !crew->exchange->asked.first &&
	       !crew->exchange->answered.first;
}

static void job_done(struct upload_worker *worker)
{
	struct upload_crew *crew = worker->crew;
	bool holds = content_reader_holds(&worker->reader);
	flow_lock(crew->flow);
	crew->busy--;
	if (holds && !worker->holds)
		crew->holders++;
	if (!holds && worker->holds)
		crew->holders--;
	worker->holds = holds;
	if (upload_crew_is_quiet_locked(crew))
		(void)pthread_cond_signal(&crew->flow->done);
	flow_unlock(crew->flow);
}

static int read_and_ask(struct upload_worker *worker, struct batch *batch,
			struct error *error)
{
	int err = flow_check(worker->crew->flow, error);
	if (err == 0)
		err = content_reader_fill(&worker->reader, batch, error);
	if (err == 0)
		return exchange_ask(worker->crew->exchange, batch, error);
	exchange_release(worker->crew->exchange, batch);
	return err;
}

static int do_job(struct upload_worker *worker, enum job job, struct batch *batch,
		  const struct revisit *revisit, struct error *error)
{
	if (job == JOB_FINISH)
		return frames_finish(worker->crew->frames, &worker->packer, batch, error);
	int err = job == JOB_REVISIT ? source_open(&worker->reader.source, revisit->entry,
						   revisit->attempt, error)
				     : 0;
	if (err == 0 || reading_put_aside(worker->crew->reading, error))
		return read_and_ask(worker, batch, error);
	exchange_release(worker->crew->exchange, batch);
	return err;
}

static void *work(void *context)
{
	struct upload_worker *worker = context;
	struct upload_crew *crew = worker->crew;
	struct batch *batch;
	struct revisit revisit;
	struct error error;
	enum job job;
	flow_lock(crew->flow);
	while ((job = choose_locked(worker, &batch, &revisit)) != JOB_END) {
		if (job == JOB_NONE) {
			(void)pthread_cond_wait(&crew->flow->job, &crew->flow->lock);
			continue;
		}
		crew->busy++;
		flow_unlock(crew->flow);
		if (do_job(worker, job, batch, &revisit, &error) < 0)
			(void)flow_fail(crew->flow, &error);
		job_done(worker);
		flow_lock(crew->flow);
	}
	flow_unlock(crew->flow);
	return NULL;
}

/* ---- alone ---- */

/* Does what a thread would do next, or takes the next answer. Without send_lock. */
static void move_on_locked(void *context)
{
	struct upload_crew *crew = context;
	struct upload_worker *own = &crew->own;
	struct batch *batch;
	struct revisit revisit;
	struct error error;
	enum job job = choose_locked(own, &batch, &revisit);
	claim(job != JOB_END && (job != JOB_NONE || crew->exchange->in_flight > 0));
	crew->busy += job != JOB_NONE;
	flow_unlock(crew->flow);
	int err = job == JOB_NONE ? exchange_receive_one(crew->exchange, &error)
				  : do_job(own, job, batch, &revisit, &error);
	if (err < 0)
		(void)flow_fail(crew->flow, &error);
	if (job != JOB_NONE)
		job_done(own);
	flow_lock(crew->flow);
}

void upload_crew_init(struct upload_crew *crew)
{
	worker_init(&crew->own, crew);
	crew->flow->help = move_on_locked;
	crew->flow->help_context = crew;
}

void upload_crew_fini(struct upload_crew *crew)
{
	worker_fini(&crew->own);
}

/* ---- threads ---- */

static unsigned worker_count(const struct upload_crew *crew)
{
	unsigned count = crew->wanted ? crew->wanted : parallel_cores();
	return count < WORKERS_MAX ? count : WORKERS_MAX;
}

/* The receiver's. */
static void *receive(void *context)
{
	struct upload_crew *crew = context;
	flow_lock(crew->flow);
	bool called_off = crew->is_called_off;
	flow_unlock(crew->flow);
	if (!called_off)
		exchange_receive(crew->exchange);
	return NULL;
}

static void start_threads(struct upload_crew *crew, struct upload_threads *threads)
{
	threads->has_receiver = thread_start(&threads->receiver, 0, receive, crew);
	unsigned wanted = threads->has_receiver ? worker_count(crew) : 0;
	while (threads->count < wanted) {
		struct upload_worker *worker = &threads->workers[threads->count];
		worker_init(worker, crew);
		if (!thread_start(&worker->thread, 0, work, worker)) {
			worker_fini(worker);
			return;
		}
		threads->count++;
	}
}

static void join_threads(struct upload_threads *threads)
{
	for (unsigned i = 0; i < threads->count; i++) {
		(void)pthread_join(threads->workers[i].thread, NULL);
		worker_fini(&threads->workers[i]);
	}
	if (threads->has_receiver)
		(void)pthread_join(threads->receiver, NULL);
}

/* Those that could be had do nothing before it is known whether they are enough: one that
 * receives and one that works. Else the calling thread stays alone. */
static bool gather_threads(struct upload_crew *crew, struct upload_threads *threads)
{
	flow_lock(crew->flow);
	start_threads(crew, threads);
	bool enough = threads->count > 0;
	crew->is_called_off = !enough;
	if (enough) {
		crew->flow->help = NULL;
		frames_gather(crew->frames);
	}
	flow_unlock(crew->flow);
	if (!enough)
		join_threads(threads);
	return enough;
}

int upload_crew_start(struct upload_crew *crew, struct error *error)
{
	if (crew->threads || crew->is_called_off)
		return 0;
	int err = exchange_begin(crew->exchange, error);
	if (err < 0)
		return err;
	struct upload_threads *threads AUTO_FREE = must_calloc(1, sizeof(*threads));
	if (!gather_threads(crew, threads))
		return 0;
	crew->threads = take_ptr(&threads);
	if (crew->on_threads)
		crew->on_threads(crew->context);
	return 0;
}

void upload_crew_end(struct upload_crew *crew)
{
	struct upload_threads *threads = take_ptr(&crew->threads);
	flow_close(crew->flow);
	if (!threads) {
		exchange_receive(crew->exchange);
		return;
	}
	join_threads(threads);
	free(threads);
}

void upload_crew_publish(struct upload_crew *crew, uint32_t walked)
{
	flow_lock(crew->flow);
	crew->walked = walked;
	(void)pthread_cond_broadcast(&crew->flow->job);
	flow_unlock(crew->flow);
}
