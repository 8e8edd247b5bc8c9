/* Who does the work. Threads, a worker for each core and one that receives, are started
 * when there is work for two; until then, and for small trees to the end, the calling
 * thread does it all: where others would wait for a thread to move something, it moves it
 * itself. */
#include <stdlib.h>

#include "client/upload/internal.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "proto/base/parallel.h"

/* Entries that a worker takes at a time: neighbours share a directory, and their bytes a
 * frame. */
#define TAKE_ENTRIES 64u
#define WORKERS_MAX 8u

struct upload_threads {
	struct worker workers[WORKERS_MAX];
	unsigned count; /* initialised */
	unsigned started;
	pthread_t receiver;
};

/* ---- workers ---- */

void worker_init(struct worker *worker, struct upload *upload)
{
	*worker = (struct worker){
		.upload = upload,
		.source.fd = -1,
		.codec = codec_new(1),
		.out = must_alloc(FRAME_STORED_MAX),
	};
	tree_directory_init(&worker->directory, upload->tree,
			    upload->request->selection->root_fd);
}

void worker_fini(struct worker *worker)
{
	source_close(&worker->source);
	tree_directory_fini(&worker->directory);
	codec_free(worker->codec);
	free(worker->out);
	buffer_fini(&worker->head);
}

enum job { JOB_NONE, JOB_FINISH, JOB_READ, JOB_REVISIT, JOB_END };

/* Answered batches go first: they make room. */
static enum job choose_locked(struct worker *worker, struct batch **ret_batch,
			      struct revisit *ret_revisit)
{
	struct upload *upload = worker->upload;
	if (upload->flow.code)
		return JOB_END;
	*ret_batch = batch_queue_take(&upload->answered);
	if (*ret_batch)
		return JOB_FINISH;
	if (upload->flow.is_closing)
		return JOB_END;
	bool has_input = worker->holds || upload->next < upload->walked;
	if (!has_input && upload->again.count == 0)
		return JOB_NONE;
	*ret_batch = upload_take_free_locked(upload);
	if (!*ret_batch)
		return JOB_NONE;
	if (!has_input) {
		*ret_revisit = upload->again.items[--upload->again.count];
		return JOB_REVISIT;
	}
	if (!worker->holds) {
		worker->next = upload->next;
		uint32_t left = upload->walked - upload->next;
		upload->next += left < TAKE_ENTRIES ? left : TAKE_ENTRIES;
		worker->end = upload->next;
	}
	return JOB_READ;
}

bool upload_is_quiet_locked(const struct upload *upload)
{
	return upload->next == upload->walked && upload->again.count == 0 &&
	       upload->busy == 0 && upload->holders == 0 && !upload->asked.first &&
	       !upload->answered.first;
}

static void job_done(struct worker *worker)
{
	struct upload *upload = worker->upload;
	bool holds = upload_holds(worker);
	flow_lock(&upload->flow);
	upload->busy--;
	if (holds && !worker->holds)
		upload->holders++;
	if (!holds && worker->holds)
		upload->holders--;
	worker->holds = holds;
	if (upload_is_quiet_locked(upload))
		(void)pthread_cond_signal(&upload->flow.done);
	flow_unlock(&upload->flow);
}

static int read_and_ask(struct worker *worker, struct batch *batch, struct error *error)
{
	int rc = flow_check(&worker->upload->flow, error);
	if (rc == 0)
		rc = upload_fill(worker, batch, error);
	if (rc == 0)
		return upload_ask(worker->upload, batch, error);
	upload_release(worker->upload, batch);
	return rc;
}

static int do_job(struct worker *worker, enum job job, struct batch *batch,
		  const struct revisit *revisit, struct error *error)
{
	if (job == JOB_FINISH)
		return upload_finish(worker, batch, error);
	int rc = job == JOB_REVISIT
			 ? upload_open(worker, revisit->entry, revisit->attempt, error)
			 : 0;
	if (rc == 0)
		return read_and_ask(worker, batch, error);
	upload_release(worker->upload, batch);
	return rc;
}

static void *work(void *context)
{
	struct worker *worker = context;
	struct upload *upload = worker->upload;
	struct batch *batch;
	struct revisit revisit;
	struct error error;
	enum job job;
	flow_lock(&upload->flow);
	while ((job = choose_locked(worker, &batch, &revisit)) != JOB_END) {
		if (job == JOB_NONE) {
			(void)pthread_cond_wait(&upload->flow.job, &upload->flow.lock);
			continue;
		}
		upload->busy++;
		flow_unlock(&upload->flow);
		if (do_job(worker, job, batch, &revisit, &error) < 0)
			(void)flow_fail(&upload->flow, &error);
		job_done(worker);
		flow_lock(&upload->flow);
	}
	flow_unlock(&upload->flow);
	return NULL;
}

/* ---- alone ---- */

/* Does what a thread would do next, or takes the next answer. Without send_lock. */
static void move_on_locked(void *context)
{
	struct upload *upload = context;
	struct worker *own = upload->own;
	struct batch *batch;
	struct revisit revisit;
	struct error error;
	enum job job = choose_locked(own, &batch, &revisit);
	claim(job != JOB_END && (job != JOB_NONE || upload->in_flight > 0));
	upload->busy += job != JOB_NONE;
	flow_unlock(&upload->flow);
	int rc = job == JOB_NONE ? upload_receive_one(upload, &error)
				 : do_job(own, job, batch, &revisit, &error);
	if (rc < 0)
		(void)flow_fail(&upload->flow, &error);
	if (job != JOB_NONE)
		job_done(own);
	flow_lock(&upload->flow);
}

void upload_take_answer_locked(struct upload *upload)
{
	struct error error;
	flow_unlock(&upload->flow);
	if (upload_receive_one(upload, &error) < 0)
		(void)flow_fail(&upload->flow, &error);
	flow_lock(&upload->flow);
}

void upload_work_alone(struct upload *upload)
{
	upload->flow.help = move_on_locked;
	upload->flow.help_context = upload;
}

/* ---- threads ---- */

static unsigned worker_count(const struct upload_request *request)
{
	unsigned count = request->workers ? request->workers : parallel_cores();
	return count < WORKERS_MAX ? count : WORKERS_MAX;
}

static int start(pthread_t *thread, void *(*run)(void *), void *context,
		 struct error *error)
{
	int number = pthread_create(thread, NULL, run, context);
	if (number == 0)
		return 0;
	return error_set_errno(error, ERR_INTERNAL, number, "a thread cannot be started");
}

int upload_start_threads(struct upload *upload, struct error *error)
{
	if (upload->threads)
		return 0;
	int rc = upload_begin(upload, error);
	if (rc < 0)
		return rc;
	struct upload_threads *threads = must_calloc(1, sizeof *threads);
	rc = start(&threads->receiver, upload_receive, upload, error);
	if (rc < 0) {
		free(threads);
		return rc;
	}
	upload->open = batch_new();
	upload->threads = threads;
	upload->flow.help = NULL;
	if (upload->request->on_threads)
		upload->request->on_threads(upload->request->context);
	threads->count = worker_count(upload->request);
	for (unsigned i = 0; i < threads->count; i++)
		worker_init(&threads->workers[i], upload);
	while (rc == 0 && threads->started < threads->count) {
		struct worker *worker = &threads->workers[threads->started];
		rc = start(&worker->thread, work, worker, error);
		threads->started += rc == 0;
	}
	return rc;
}

void upload_end_threads(struct upload *upload)
{
	struct upload_threads *threads = upload->threads;
	flow_close(&upload->flow);
	if (!threads) {
		(void)upload_receive(upload);
		return;
	}
	for (unsigned i = 0; i < threads->started; i++)
		(void)pthread_join(threads->workers[i].thread, NULL);
	(void)pthread_join(threads->receiver, NULL);
	for (unsigned i = 0; i < threads->count; i++)
		worker_fini(&threads->workers[i]);
	free(threads);
	upload->threads = NULL;
}
