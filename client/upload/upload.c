#include "client/upload/upload.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "client/tree/measure.h"
#include "client/tree/walk.h"
#include "client/upload/internal.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "proto/base/clock.h"
#include "proto/base/escape.h"

/* How often the caller's thread makes the rows that can be made meanwhile. */
#define ADVANCE_MS 10
/* Files that are measured between two looks at the wake-up. */
#define CHECK_FILES 256u
/* Entries that the walk finds before it tells the workers. */
#define PUBLISH_ENTRIES 256u

int upload_begin(struct upload *upload, struct error *error)
{
	if (upload->has_begun)
		return 0;
	const struct upload_request *request = upload->request;
	upload->has_begun = true;
	return request->on_begin ? request->on_begin(request->context, error) : 0;
}

void upload_warn(struct upload *upload, const char *format, ...)
{
	char text[ERROR_TEXT_SIZE];
	va_list arguments;
	va_start(arguments, format);
	(void)vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	flow_lock(&upload->flow);
	string_list_add(&upload->result->warnings, text);
	flow_unlock(&upload->flow);
}

/* ---- the walk ---- */

static void publish(struct upload *upload)
{
	for (uint32_t i = upload->walked; i < upload->tree->count; i++)
		buffer_put_u8(&upload->is_file,
			      tree_entry(upload->tree, i)->type == ROW_FILE);
	flow_lock(&upload->flow);
	upload->walked = upload->tree->count;
	(void)pthread_cond_broadcast(&upload->flow.job);
	flow_unlock(&upload->flow);
}

/* walked is written by this thread only. */
static int on_progress(void *context, struct error *error)
{
	struct upload *upload = context;
	if (upload->tree->count - upload->walked < PUBLISH_ENTRIES)
		return 0;
	publish(upload);
	int rc = flow_check(&upload->flow, error);
	return rc < 0 ? rc : upload_start_threads(upload, error);
}

static void on_skipped(void *context, const char *path, size_t len, const char *kind)
{
	struct upload *upload = context;
	char *text AUTO_FREE = escape_encode(path, len);
	upload_warn(upload, "`%s`: skipped, because it is a %s", text, kind);
	flow_lock(&upload->flow);
	upload->result->skipped++;
	flow_unlock(&upload->flow);
}

static uint64_t count_files(const struct upload *upload)
{
	uint64_t files = 0;
	for (size_t i = 0; i < upload->is_file.len; i++)
		files += upload->is_file.at[i];
	return files;
}

static int walk(struct upload *upload, struct error *error)
{
	struct walk_request request = {
		.selection = upload->request->selection,
		.prefix = upload->request->prefix,
		.scout = upload->scout.record ? &upload->scout : NULL,
		.events = {on_progress, on_skipped, upload},
	};
	int rc = walk_run(&request, upload->tree, error);
	publish(upload);
	progress_set_total(upload->request->progress, count_files(upload), 0);
	if (rc < 0 || upload->request->if_empty != IF_EMPTY_ERROR)
		return rc;
	return selection_check(upload->request->selection, error);
}

/* ---- how much it is ---- */

static void start_measuring(const struct upload *upload, struct measure *ret_measure)
{
	measure_init(ret_measure, upload->tree, upload->request->selection->root_fd,
		     &upload->is_file);
}

/* Whether what was walked is so little that threads do not pay. */
static bool is_small(const struct upload *upload)
{
	if (upload->is_file.len > UPLOAD_SMALL_ENTRIES)
		return false;
	struct measure measure AUTO(measure_fini);
	start_measuring(upload, &measure);
	while (measure.bytes <= UPLOAD_SMALL_LEN && measure_next(&measure))
		;
	return measure.bytes <= UPLOAD_SMALL_LEN;
}

/* For whoever watches. */
static int measure_all(struct upload *upload, struct error *error)
{
	struct measure measure AUTO(measure_fini);
	start_measuring(upload, &measure);
	int rc = flow_check(&upload->flow, error);
	while (rc == 0 && measure_next(&measure))
		rc = measure.files % CHECK_FILES == 0 ? flow_check(&upload->flow, error)
						      : 0;
	if (rc == 0)
		progress_set_total(upload->request->progress, measure.files,
				   measure.bytes);
	return rc;
}

/* ---- the order of it all ---- */

static bool is_worth_measuring(const struct upload *upload)
{
	return !upload->is_measured && progress_is_shown(upload->request->progress);
}

static bool is_stored_locked(const struct upload *upload)
{
	return upload->in_flight == 0;
}

/* Without threads: does what it takes. */
static void bring_about(struct upload *upload, bool (*has_come)(const struct upload *))
{
	flow_lock(&upload->flow);
	while (!upload->flow.code && !has_come(upload))
		flow_wait_locked(&upload->flow, &upload->flow.done);
	flow_unlock(&upload->flow);
}

/* Whether it has come so far, or failed; waits for that a while. */
static bool comes_soon(struct upload *upload, bool (*has_come)(const struct upload *))
{
	struct timespec until = clock_moment_in(ADVANCE_MS);
	flow_lock(&upload->flow);
	bool in_time = true;
	while (in_time && !upload->flow.code && !has_come(upload))
		in_time = flow_wait_done_locked(&upload->flow, &until);
	bool come = upload->flow.code || has_come(upload);
	flow_unlock(&upload->flow);
	return come;
}

/* Meanwhile rows are made. If it takes so long that somebody watches, there is time to
 * find out how much there is to read. */
static int wait_until(struct upload *upload, bool (*has_come)(const struct upload *),
		      struct row_maker *maker, struct error *error)
{
	int rc = 0;
	if (flow_is_alone(&upload->flow))
		bring_about(upload, has_come);
	while (rc == 0 && !comes_soon(upload, has_come)) {
		rc = upload_manifest_advance(maker, error);
		if (rc < 0 || !is_worth_measuring(upload))
			continue;
		upload->is_measured = true;
		rc = measure_all(upload, error);
	}
	return rc < 0 ? rc : flow_check(&upload->flow, error);
}

/* Until all that was found is read, asked about and sent. */
static int wait_until_quiet(struct upload *upload, struct row_maker *maker,
			    struct error *error)
{
	return wait_until(upload, upload_is_quiet_locked, maker, error);
}

static int send_all(struct worker *own, struct row_maker *maker, struct error *error)
{
	int rc = wait_until_quiet(own->upload, maker, error);
	return rc < 0 ? rc : upload_flush(own, error);
}

static int wait_until_stored(struct worker *own, struct row_maker *maker,
			     struct error *error)
{
	return wait_until(own->upload, is_stored_locked, maker, error);
}

static int drain(struct worker *own, struct row_maker *maker, struct error *error)
{
	int rc = send_all(own, maker, error);
	return rc < 0 ? rc : wait_until_stored(own, maker, error);
}

static bool is_more_to_read(struct upload *upload)
{
	flow_lock(&upload->flow);
	bool more = upload->racy.count > 0 || upload->again.count > 0;
	flow_unlock(&upload->flow);
	return more;
}

/* The SHA-256 of all that was sent; what was believed to be equal is. Who sent alone has
 * hashed it itself, and mostly believes nothing. */
static int learn_names(struct worker *own, struct row_maker *maker, struct error *error)
{
	struct upload *upload = own->upload;
	if (flow_is_alone(&upload->flow) && units_claims(upload->units) == 0)
		return send_all(own, maker, error);
	int rc = drain(own, maker, error);
	if (rc == 0)
		rc = upload_settle_claims(own, error);
	return rc < 0 ? rc : drain(own, maker, error);
}

/* The manifest, and what the caller has to say when it is whole, without waiting for the
 * answers to its pieces. */
static int finish(struct worker *own, struct row_maker *maker, struct error *error)
{
	const struct upload_request *request = own->upload->request;
	int rc = upload_begin(own->upload, error);
	if (rc == 0)
		rc = upload_manifest_finish(maker, error);
	if (rc == 0)
		rc = send_all(own, maker, error);
	if (rc == 0 && request->on_sent)
		rc = request->on_sent(request->context, own->upload->result, error);
	return rc < 0 ? rc : wait_until_stored(own, maker, error);
}

/* Files first, until none has to be looked at again; then what they are made of. */
static int conduct(struct worker *own, struct error *error)
{
	struct upload *upload = own->upload;
	struct row_maker maker AUTO(row_maker_fini);
	row_maker_init(&maker, upload);
	int rc = walk(upload, error);
	if (rc == 0 && !is_small(upload))
		rc = upload_start_threads(upload, error);
	if (rc == 0)
		rc = wait_until_quiet(upload, &maker, error);
	while (rc == 0 && is_more_to_read(upload)) {
		rc = upload_look_again(own, error);
		if (rc == 0)
			rc = wait_until_quiet(upload, &maker, error);
	}
	if (rc == 0)
		rc = learn_names(own, &maker, error);
	return rc < 0 ? rc : finish(own, &maker, error);
}

static void upload_init(struct upload *upload, const struct upload_request *request,
			struct upload_result *result)
{
	*upload = (struct upload){
		.request = request,
		.result = result,
		.tree = &result->tree,
		.units = result->units,
		.batch_units = request->ask_window < UPLOAD_BATCH_UNITS
				       ? request->ask_window
				       : UPLOAD_BATCH_UNITS,
		.unmade = UPLOAD_BATCHES,
	};
	(void)pthread_mutex_init(&upload->send_lock, NULL);
	flow_init(&upload->flow, request->link->fd, request->link->wake_fd);
}

static void upload_fini(struct upload *upload)
{
	batch_queue_fini(&upload->free);
	batch_queue_fini(&upload->asked);
	batch_queue_fini(&upload->answered);
	batch_free(upload->open);
	while (upload->sent_first) {
		struct parcel *parcel AUTO_FREE = upload->sent_first;
		upload->sent_first = parcel->next;
	}
	free(upload->again.items);
	free(upload->racy.items);
	record_scout_fini(&upload->scout);
	free(upload->base_pieces);
	base_rows_fini(&upload->base_rows);
	buffer_fini(&upload->is_file);
	flow_fini(&upload->flow);
	(void)pthread_mutex_destroy(&upload->send_lock);
}

static int run(struct worker *own, struct error *error)
{
	struct upload *upload = own->upload;
	int rc = upload->request->workers ? upload_start_threads(upload, error) : 0;
	if (rc == 0)
		rc = conduct(own, error);
	if (rc < 0)
		(void)flow_fail(&upload->flow, error);
	upload_end_threads(upload);
	return flow_failure_locked(&upload->flow, error);
}

int upload_run(const struct upload_request *request, struct upload_result *ret_result,
	       struct error *error)
{
	*ret_result = (struct upload_result){.units = units_new()};
	tree_init(&ret_result->tree);
	if (request->ask_window == 0)
		return error_set(error, ERR_PROTOCOL,
				 "the daemon: offers an ask_window of 0 units");
	struct upload upload AUTO(upload_fini);
	upload_init(&upload, request, ret_result);
	upload_recall_begin(&upload);
	struct worker own AUTO(worker_fini);
	worker_init(&own, &upload);
	upload.own = &own;
	upload_work_alone(&upload);
	return run(&own, error);
}

void upload_result_fini(struct upload_result *result)
{
	tree_fini(&result->tree);
	units_free(result->units);
	buffer_fini(&result->root);
	string_list_fini(&result->warnings);
	*result = (struct upload_result){0};
}
