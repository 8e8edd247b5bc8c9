#include "client/upload/upload.h"

#include <stdlib.h>
#include <string.h>

#include "client/content/settle.h"
#include "client/select/link.h"
#include "client/tree/loss.h"
#include "client/tree/measure.h"
#include "client/tree/one_mode.h"
#include "client/tree/walk.h"
#include "client/upload/base.h"
#include "client/upload/claims.h"
#include "client/upload/crew.h"
#include "client/upload/manifest.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "proto/base/clock.h"
#include "proto/base/escape.h"

/* A tree of so many entries and bytes at most is uploaded without threads: starting four
 * takes longer than reading and compressing it. */
#define SMALL_ENTRIES 64u
#define SMALL_LEN (64u * 1024u)
/* How often the caller's thread makes the rows that can be made meanwhile. */
#define ADVANCE_MS 10
/* Files that are measured between two looks at the wake-up. */
#define CHECK_FILES 256u
/* Entries that the walk finds before it tells the workers. */
#define PUBLISH_ENTRIES 256u
/* Finding a PATH reads its siblings in the record: from so many on, looking at all that
 * is recorded is cheaper. */
#define SCOUT_PATHS_MAX 32u

/* The parts, each of which knows those above it. */
struct upload {
	const struct upload_request *request; /* borrowed */
	struct upload_result *result;         /* borrowed */
	struct flow flow;
	struct reading reading;
	struct exchange exchange;
	struct frames frames;
	struct upload_crew crew;
	struct base base;
	struct manifest manifest;
	struct record_scout scout; /* of the stat record, if there is one */
	struct links_left_out links;
	struct buffer is_file; /* a byte for each entry walked; the walking thread's,
				* who alone may read an entry's type while it is read */
	bool is_measured;      /* likewise */
};

/* ---- the walk ---- */

static void publish(struct upload *upload)
{
	const struct tree *tree = &upload->result->tree;
	for (uint32_t i = (uint32_t)upload->is_file.len; i < tree->count; i++)
		buffer_put_u8(&upload->is_file, tree_entry(tree, i)->type == ROW_FILE);
	upload_crew_publish(&upload->crew, tree->count);
}

static int on_progress(void *context, struct error *error)
{
	struct upload *upload = context;
	if (upload->result->tree.count - upload->is_file.len < PUBLISH_ENTRIES)
		return 0;
	publish(upload);
	int err = flow_check(&upload->flow, error);
	return err < 0 ? err : upload_crew_start(&upload->crew, error);
}

static void on_skipped(void *context, const char *path, size_t len, const char *kind)
{
	struct upload *upload = context;
	char *text AUTO_FREE = escape_encode(path, len);
	reading_warn(&upload->reading, "`%s`: skipped, because it is a %s", text, kind);
	reading_skip(&upload->reading);
}

static void on_link(void *context, enum link_end end, const char *path, size_t len,
		    const char *target)
{
	struct upload *upload = context;
	links_left_out_add(&upload->links, end, path, len, target);
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
		.own = upload->request->own,
		.faults = &upload->result->faults,
		.events = {on_progress, on_skipped, on_link, upload},
	};
	int err = walk_run(&request, &upload->result->tree, error);
	publish(upload);
	for (enum link_end end = 0; end < LINK_ENDS; end++) {
		char *links AUTO_FREE = links_left_out_text(&upload->links, end);
		if (links)
			reading_warn(&upload->reading, "%s", links);
	}
	progress_set_total(upload->request->progress, count_files(upload), 0);
	struct faults *faults = &upload->result->faults;
	if (err < 0 || faults_any(faults) || upload->request->if_empty != IF_EMPTY_ERROR)
		return err;
	return selection_check(upload->request->selection, faults, error);
}

/* ---- how much it is ---- */

static void start_measuring(const struct upload *upload, struct measure *ret_measure)
{
	measure_init(ret_measure, &upload->result->tree,
		     upload->request->selection->root_fd, &upload->is_file);
}

/* Whether what was walked is so little that threads do not pay. */
static bool is_small(const struct upload *upload)
{
	if (upload->is_file.len > SMALL_ENTRIES)
		return false;
	struct measure measure AUTO(measure_fini);
	start_measuring(upload, &measure);
	while (measure.bytes <= SMALL_LEN && measure_next(&measure))
		;
	return measure.bytes <= SMALL_LEN;
}

/* For whoever watches. */
static int measure_all(struct upload *upload, struct error *error)
{
	struct measure measure AUTO(measure_fini);
	start_measuring(upload, &measure);
	int err = flow_check(&upload->flow, error);
	while (err == 0 && measure_next(&measure))
		err = measure.files % CHECK_FILES == 0 ? flow_check(&upload->flow, error)
						       : 0;
	if (err == 0)
		progress_set_total(upload->request->progress, measure.files,
				   measure.bytes);
	return err;
}

/* ---- the order of it all ---- */

static bool is_worth_measuring(const struct upload *upload)
{
	return !upload->is_measured && progress_is_shown(upload->request->progress);
}

static bool is_stored_locked(const struct upload *upload)
{
	return upload->exchange.in_flight == 0;
}

static bool is_quiet_locked(const struct upload *upload)
{
	return upload_crew_is_quiet_locked(&upload->crew);
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
		      struct error *error)
{
	int err = 0;
	if (flow_is_alone(&upload->flow))
		bring_about(upload, has_come);
	while (err == 0 && !comes_soon(upload, has_come)) {
		err = manifest_advance(&upload->manifest, error);
		if (err < 0 || !is_worth_measuring(upload))
			continue;
		upload->is_measured = true;
		err = measure_all(upload, error);
	}
	return err < 0 ? err : flow_check(&upload->flow, error);
}

/* Until all that was found is read, asked about and sent. */
static int wait_until_quiet(struct upload *upload, struct error *error)
{
	return wait_until(upload, is_quiet_locked, error);
}

static int send_all(struct upload *upload, struct error *error)
{
	int err = wait_until_quiet(upload, error);
	return err < 0 ? err
		       : frames_flush(&upload->frames, &upload->crew.own.packer, error);
}

static int wait_until_stored(struct upload *upload, struct error *error)
{
	return wait_until(upload, is_stored_locked, error);
}

static int drain(struct upload *upload, struct error *error)
{
	int err = send_all(upload, error);
	return err < 0 ? err : wait_until_stored(upload, error);
}

static bool is_more_to_read(struct upload *upload)
{
	flow_lock(&upload->flow);
	bool more = upload->reading.racy.count > 0 || upload->reading.again.count > 0;
	flow_unlock(&upload->flow);
	return more;
}

/* The SHA-256 of all that was sent; what was believed to be equal is. Who sent alone has
 * hashed it itself, and mostly believes nothing. */
static int learn_names(struct upload *upload, struct error *error)
{
	if (flow_is_alone(&upload->flow) && units_claims(upload->result->units) == 0)
		return send_all(upload, error);
	int err = drain(upload, error);
	if (err == 0)
		err = claims_settle(&upload->crew.own.reader.source, &upload->exchange,
				    error);
	return err < 0 ? err : drain(upload, error);
}

/* As far as it came. */
static void fill_result(struct upload *upload)
{
	struct upload_result *result = upload->result;
	result->totals = upload->manifest.totals;
	result->beyond_base = upload->reading.beyond_base;
	result->skipped = upload->reading.skipped;
}

static int finish_manifest(struct upload *upload, struct error *error)
{
	struct upload_result *result = upload->result;
	int err = manifest_finish(&upload->manifest, error);
	if (err < 0)
		return err;
	root_encode(&result->root, &upload->manifest.writer.root);
	result->digest = sha256_of(result->root.at, result->root.len);
	fill_result(upload);
	return 0;
}

/* The manifest, and what the caller has to say when it is whole, without waiting for the
 * answers to its pieces. */
static int finish(struct upload *upload, struct error *error)
{
	const struct upload_request *request = upload->request;
	int err = exchange_begin(&upload->exchange, error);
	if (err == 0)
		err = finish_manifest(upload, error);
	if (err == 0)
		err = send_all(upload, error);
	if (err == 0 && request->on_sent)
		err = request->on_sent(request->context, upload->result, error);
	return err < 0 ? err : wait_until_stored(upload, error);
}

/* All that can be stored is read, or all is known that cannot. */
static int read_files(struct upload *upload, struct error *error)
{
	const struct faults *faults = &upload->result->faults;
	int err = walk(upload, error);
	if (faults_any(faults))
		reading_only_open(&upload->reading);
	if (err == 0 && !is_small(upload))
		err = upload_crew_start(&upload->crew, error);
	if (err == 0)
		err = wait_until_quiet(upload, error);
	while (err == 0 && !reading_only_opens(&upload->reading) &&
	       is_more_to_read(upload)) {
		err = settle_racy(&upload->crew.own.reader.source, error);
		if (err == 0)
			err = wait_until_quiet(upload, error);
	}
	return err == 0 && faults_any(faults) ? faults_error(faults, error) : err;
}

/* Files first, until none has to be looked at again; then what they are made of. */
static int conduct(struct upload *upload, struct error *error)
{
	int err = read_files(upload, error);
	if (err == 0)
		err = learn_names(upload, error);
	if (err < 0)
		return err;
	char *loss AUTO_FREE = loss_text(&upload->result->tree);
	if (loss)
		reading_warn(&upload->reading, "%s", loss);
	char *mode AUTO_FREE =
		one_mode_text(&upload->result->tree, upload->request->selection->root_fd);
	if (mode)
		reading_warn(&upload->reading, "%s", mode);
	return finish(upload, error);
}

/* ---- its parts ---- */

/* Only what the PATHs lead to; with globs that may be anywhere. */
static void scout_paths(struct upload *upload)
{
	const struct selection *selection = upload->request->selection;
	struct record_scout *scout = &upload->scout;
	uint32_t done = 0;
	if (selection->glob_count > 0 || selection->literal_count > SCOUT_PATHS_MAX) {
		record_scout_run(scout, 0, record_count(scout->record));
		return;
	}
	for (size_t i = 0; i < selection->literal_count; i++) {
		const struct selector *item = &selection->items[selection->literals[i]];
		uint32_t first = record_find(scout->record, item->path, item->path_len);
		if (first == RECORD_NONE || first < done)
			continue;
		done = record_end(scout->record, first);
		record_scout_run(scout, first, done);
	}
}

/* What the stat record and the base know, before anything is walked. */
static void recall(struct upload *upload)
{
	const struct upload_request *request = upload->request;
	base_init(&upload->base, request->base, request->record, request->prefix);
	if (!request->record)
		return;
	record_scout_init(&upload->scout, request->record, request->selection->root_fd);
	scout_paths(upload);
}

static void init_reading(struct upload *upload)
{
	const struct upload_request *request = upload->request;
	struct stat status = {0};
	(void)fstat(request->selection->root_fd, &status);
	upload->reading = (struct reading){
		.flow = &upload->flow,
		.tree = &upload->result->tree,
		.units = upload->result->units,
		.root_fd = request->selection->root_fd,
		.device = status.st_dev,
		.if_changed = request->if_changed,
		.secret = request->secret,
		.batch_units = request->ask_window < BATCH_UNITS ? request->ask_window
								 : BATCH_UNITS,
		.record = request->record,
		.has_base = request->base,
		.progress = request->progress,
		.warnings = &upload->result->warnings,
		.faults = &upload->result->faults,
		.on_opened = request->on_opened,
		.context = request->context,
	};
}

static void init_exchange(struct upload *upload)
{
	const struct upload_request *request = upload->request;
	upload->exchange = (struct exchange){
		.flow = &upload->flow,
		.link = request->link,
		.units = upload->result->units,
		.window = request->ask_window,
		.on_begin = request->on_begin,
		.context = request->context,
	};
	exchange_init(&upload->exchange);
	upload->frames = (struct frames){
		.exchange = &upload->exchange,
		.reading = &upload->reading,
	};
}

static void init_crew(struct upload *upload)
{
	const struct upload_request *request = upload->request;
	upload->crew = (struct upload_crew){
		.flow = &upload->flow,
		.reading = &upload->reading,
		.exchange = &upload->exchange,
		.frames = &upload->frames,
		.wanted = request->workers,
		.on_threads = request->on_threads,
		.context = request->context,
	};
	upload_crew_init(&upload->crew);
}

static void init_manifest(struct upload *upload)
{
	upload->manifest = (struct manifest){
		.tree = &upload->result->tree,
		.is_file = &upload->is_file,
		.base = &upload->base,
		.prefix = upload->request->prefix,
		.secret = upload->request->secret,
		.frames = &upload->frames,
		.packer = &upload->crew.own.packer,
	};
	manifest_init(&upload->manifest);
}

static void upload_init(struct upload *upload, const struct upload_request *request,
			struct upload_result *result)
{
	*upload = (struct upload){.request = request, .result = result};
	flow_init(&upload->flow, request->link->transport.fd, request->link->wake_fd);
	init_reading(upload);
	init_exchange(upload);
	init_crew(upload);
	init_manifest(upload);
}

static void upload_fini(struct upload *upload)
{
	manifest_fini(&upload->manifest);
	base_fini(&upload->base);
	upload_crew_fini(&upload->crew);
	frames_fini(&upload->frames);
	exchange_fini(&upload->exchange);
	reading_fini(&upload->reading);
	flow_fini(&upload->flow);
	record_scout_fini(&upload->scout);
	links_left_out_fini(&upload->links);
	buffer_fini(&upload->is_file);
}

static int run(struct upload *upload, struct error *error)
{
	int err = upload->request->workers ? upload_crew_start(&upload->crew, error) : 0;
	if (err == 0)
		err = conduct(upload, error);
	if (err < 0)
		(void)flow_fail(&upload->flow, error);
	upload_crew_end(&upload->crew);
	return flow_failure_locked(&upload->flow, error);
}

int upload_run(const struct upload_request *request, struct upload_result *ret_result,
	       struct error *error)
{
	*ret_result = (struct upload_result){.units = units_new()};
	tree_init(&ret_result->tree);
	faults_init(&ret_result->faults);
	if (request->ask_window == 0)
		return error_set(error, ERR_PROTOCOL,
				 "the daemon: offers an ask_window of 0 units");
	struct upload upload AUTO(upload_fini);
	upload_init(&upload, request, ret_result);
	recall(&upload);
	int err = run(&upload, error);
	fill_result(&upload);
	return err;
}

void upload_result_fini(struct upload_result *result)
{
	tree_fini(&result->tree);
	units_free(result->units);
	buffer_fini(&result->root);
	string_list_fini(&result->warnings);
	faults_fini(&result->faults);
	*result = (struct upload_result){0};
}
