/*
 * attach: the view of this job, written into DIR.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/commands/attach/report.h"
#include "client/commands/command.h"
#include "client/connection/retry.h"
#include "client/destination/destination.h"
#include "client/download/download.h"
#include "client/download/want.h"
#include "client/question/how.h"
#include "client/question/question.h"
#include "client/terminal/progress.h"
#include "client/view/held.h"
#include "client/view/session.h"
#include "client/view/table.h"
#include "proto/base/cleanup.h"
#include "proto/base/clock.h"

/* One try. */
struct attach {
	const struct options *options; /* borrowed */
	struct report *report;         /* borrowed */
	struct view_held held;
	struct view_session session;
	struct own_places own; /* lent to the destination */
	struct view_table table;
	struct glob_filter filter;
	struct destination *destination; /* owned */
	struct progress *progress;       /* owned */
	bool got_to_directory;
	bool was_disturbed; /* others deleted in DIR what this try needed there */
	uint32_t base;      /* position in the view of the layer that gives most files */
};

static void attach_fini(struct attach *attach)
{
	progress_free(attach->progress);
	destination_close(attach->destination);
	glob_filter_fini(&attach->filter);
	view_table_fini(&attach->table);
	view_session_close(&attach->session);
	view_held_close(&attach->held);
}

/* ---- the view ---- */

/* Chooses the layer that the stat record will name as the base of the next persist. */
static void choose_base(struct attach *attach)
{
	const struct msg_layer_list *layers = &attach->session.view.layers;
	for (uint32_t i = 1; i < layers->count; i++)
		if (layers->items[i].files > layers->items[attach->base].files)
			attach->base = i;
}

static int read_view(struct attach *attach, struct error *error)
{
	struct view_row row;
	int got;
	choose_base(attach);
	while ((got = view_session_next(&attach->session, &row, error)) > 0) {
		int err = view_table_add(&attach->table, &row.row, error);
		if (err)
			return err;
		attach->table.entries[attach->table.entry_count - 1].in_base =
			row.layer == attach->base;
	}
	view_table_finish(&attach->table);
	return got;
}

/* Refuses another view than --expect names (R5), before anything is written. */
static int check_expected(const struct attach *attach, struct error *error)
{
	const struct expected *expected = &attach->options->expect;
	const struct digest *got = &attach->session.view.digest;
	if (!expected->given || digest_equal(&expected->digest, got))
		return 0;
	char expected_text[DIGEST_TEXT_SIZE];
	char got_text[DIGEST_TEXT_SIZE];
	return error_set(error, ERR_UNEXPECTED,
			 "the view: it is %s, expected was %s; nothing was written",
			 digest_text(got, got_text),
			 digest_text(&expected->digest, expected_text));
}

static void warn(struct attach *attach)
{
	view_session_warn(&attach->session);
	if (attach->options->if_empty == IF_EMPTY_WARN &&
	    view_session_gave_nothing(&attach->session))
		report_warning(attach->report,
			       "the view is empty: there is nothing to attach");
}

/* ---- the bytes ---- */

static void add_needed(const struct attach *attach, struct want *want,
		       uint64_t *ret_files, uint64_t *ret_bytes)
{
	const struct view_table *table = &attach->table;
	for (uint32_t entry = 1; entry < table->entry_count; entry++) {
		const struct view_entry *at = &table->entries[entry];
		if (at->type != ROW_FILE ||
		    !destination_needs(attach->destination, entry))
			continue;
		for (uint32_t i = 0; i < at->unit_count; i++)
			want_add(want, at->first_unit + i);
		*ret_files += at->unit_count > 0;
		*ret_bytes += view_table_size(table, entry);
	}
}

static uint32_t count_needed(const struct attach *attach)
{
	uint32_t needed = 0;
	for (uint32_t entry = 1; entry < attach->table.entry_count; entry++)
		if (attach->table.entries[entry].type == ROW_FILE &&
		    destination_needs(attach->destination, entry))
			needed += attach->table.entries[entry].unit_count;
	return needed;
}

/* A download_sink. */
static int on_unit(void *context, unsigned worker, uint32_t mention, const uint8_t *bytes,
		   struct error *error)
{
	struct attach *attach = context;
	int err = destination_unit(attach->destination, worker, mention, bytes, error);
	const struct view_unit *unit = &attach->table.units[mention];
	const struct view_entry *file = &attach->table.entries[unit->entry];
	bool last = mention == file->first_unit + file->unit_count - 1;
	progress_add(attach->progress, last, unit->name.key.len);
	return err;
}

/* Asks before making directories, so that the daemon works at the same time. */
static int fetch(struct attach *attach, struct error *error)
{
	struct want want AUTO(want_fini) = {0};
	uint64_t files = 0;
	uint64_t bytes = 0;
	struct link *link = &attach->session.connection.link;
	uint32_t needed = count_needed(attach);
	want_init(&want, &attach->table, 0, attach->table.unit_count, needed);
	add_needed(attach, &want, &files, &bytes);
	progress_set_total(attach->progress, files, bytes);
	int err = want.wanted ? want_send(&want, link, error) : 0;
	if (!err)
		err = destination_begin(attach->destination, error);
	struct download_sink sink = {.on_unit = on_unit, .context = attach};
	if (!err && want.wanted)
		err = download_run(link, &want, &sink, attach->options->verify, error);
	return err;
}

/* Tells the daemon what this execution has seen (W6). */
static int tell_attached(struct attach *attach, struct error *error)
{
	struct link *link = &attach->session.connection.link;
	struct msg_attached attached = {
		.digest = {.at = (const char *)attach->session.view.digest.bytes,
			   .len = SHA256_LEN}};
	int err = link_send_control(link, MSG_ATTACHED, &attached, error);
	struct link_message recorded = {0};
	if (!err)
		err = link_expect(link, MSG_RECORDED, &recorded, error);
	free(recorded.payload);
	if (!err)
		return 0;
	struct error why = *error;
	return error_set(
		error, why.code,
		"`%s` is complete, but the daemon did not record that this job has "
		"seen it: %s; run the command again",
		attach->options->directory, why.text);
}

/* Whether DIR has the rows of one layer, all of them, under their own paths (record.h).
 * Their digest proves it, whatever the daemon says: in a merge, a row may have another's
 * time. */
static bool is_aligned(const struct attach *attach)
{
	const struct view_rows *view = &attach->session.view;
	return view->layers.count == 1 &&
	       view->layers.items[0].digest.len == SHA256_LEN &&
	       memcmp(view->layers.items[0].digest.at, view->digest.bytes, SHA256_LEN) ==
		       0;
}

/* What the next attach may name instead of asking for these rows again. */
static struct record_view view_for_record(const struct attach *attach)
{
	const struct view_rows *view = &attach->session.view;
	return (struct record_view){
		.tag = view->tag,
		.digest = view->digest,
		.server = view_held_server(attach->session.connection.server),
		.totals = view->totals,
	};
}

static void leave_record(struct attach *attach)
{
	struct record_view view = view_for_record(attach);
	const struct msg_layer_list *layers = &attach->session.view.layers;
	struct record_base base = {0};
	char id[LAYER_ID_TEXT_SIZE] = "";
	if (layers->count > 0) {
		const struct msg_layer *layer = &layers->items[attach->base];
		if (layer->layer.len < sizeof(id))
			memcpy(id, layer->layer.at, layer->layer.len);
		base.known = layer->digest.len == SHA256_LEN &&
			     hex_decode(id, LAYER_ID_LEN, base.layer);
		base.aligned = is_aligned(attach);
		if (base.known)
			memcpy(base.digest.bytes, layer->digest.at, SHA256_LEN);
	}
	if (destination_record(attach->destination, base.known ? &base : NULL, &view) !=
		    0 &&
	    attach->options->verbose)
		report_note(attach->report, "no stat record was written: %s",
			    strerror(errno));
}

static int abandon(struct attach *attach, struct error *error)
{
	attach->was_disturbed = destination_was_disturbed(attach->destination);
	return destination_abandon(take_ptr(&attach->destination), error);
}

static int write_tree(struct attach *attach, struct error *error)
{
	bool draw = !attach->options->quiet && !attach->options->no_progress;
	attach->progress = progress_new("attach", draw);
	int err = fetch(attach, error);
	if (!err)
		err = destination_finish(attach->destination, error);
	progress_free(take_ptr(&attach->progress));
	if (err)
		return abandon(attach, error);
	leave_record(attach);
	return tell_attached(attach, error);
}

/* ---- tries ---- */

static void find_own(struct attach *attach)
{
	const struct connection *connection = &attach->session.connection;
	char *records AUTO_FREE = record_folder();
	attach->own = (struct own_places){0};
	own_places_add_records(&attach->own, records);
	own_places_add_data(&attach->own, connection->data_place,
			    connection->data_place_count);
}

static int open_destination(struct attach *attach, struct error *error)
{
	const struct options *options = attach->options;
	bool filtered = options->only.count > 0 || options->exclude.count > 0;
	struct destination_options how = {
		.directory = options->directory,
		.delete_extra = options->delete_extra,
		.keep_existing = options->keep_existing,
		.own = &attach->own,
		.filter = filtered ? &attach->filter : NULL,
		.times_now = options->times_now,
		.keeps_record = !options->no_stat_record,
		.record = attach->held.record,
		.reads_all = options->verify,
		.dry_run = options->dry_run,
		.look_again = options->verify,
		.report = attach->report,
		.settle_from = DESTINATION_SETTLE_FROM,
		.turn_wait_ms = (uint64_t)options->timeout_ms,
	};
	int err = question_filter(options, &attach->filter, error);
	if (err)
		return err;
	find_own(attach);
	attach->got_to_directory = true;
	err = destination_open(&attach->table, &how, &attach->destination, error);
	return err ? abandon(attach, error) : 0;
}

/* All of the view is in DIR already: there is nothing to write. */
static int confirm_held(struct attach *attach, uint64_t started_ms, struct error *error)
{
	int err = check_expected(attach, error);
	if (err)
		return err;
	warn(attach);
	attach->got_to_directory = true;
	err = tell_attached(attach, error);
	if (err)
		return err;
	uint64_t files = attach->session.view.totals.files;
	struct attach_figures figures = {.started_ms = started_ms,
					 .counts = {.files = files, .unchanged = files}};
	attach_report(attach->options, &attach->session, &figures);
	return 0;
}

static int attach_view(struct attach *attach, uint64_t started_ms, struct error *error)
{
	struct view_rows *view = &attach->session.view;
	if (view->held &&
	    view_held_lies_there(&attach->held, view, attach->options->delete_extra))
		return confirm_held(attach, started_ms, error);
	int err = view->held ? view_rows_want(view, error) : 0;
	if (!err)
		err = read_view(attach, error);
	if (!err)
		err = check_expected(attach, error);
	if (err)
		return err;
	warn(attach);
	struct attach_figures figures = {.started_ms = started_ms};
	err = open_destination(attach, error);
	if (err)
		return err;
	if (attach->options->dry_run)
		return attach_report_dry(attach->options, &attach->session,
					 attach->destination, error);
	err = attach_report_paths(attach->options, &attach->session, attach->destination,
				  error);
	if (!err)
		err = write_tree(attach, error);
	if (err)
		return err;
	figures.counts = destination_counts(attach->destination);
	destination_close(take_ptr(&attach->destination));
	attach_report(attach->options, &attach->session, &figures);
	return 0;
}

/* Attaches with --delete, of different views and into one DIR, that are running at the
 * same time get out of each other's way after a few tries. */
#define DISTURBED_MAX 20u
#define DISTURBED_PAUSE_MS 10u

/* All tries of one attach. */
struct tries {
	const struct options *options; /* borrowed */
	struct report *report;         /* borrowed */
	uint64_t started_ms;
	uint64_t deadline_ms; /* for reaching the daemon */
	struct retry retry;
	bool was_disturbed; /* the one that failed was */
	unsigned disturbed; /* how many were */
	bool goes_on;       /* the one that failed is followed by another */
	struct error
		told; /* of the last try that got as far as DIR: what state it is in */
};

static int ask(struct attach *attach, struct msg_attach *request, struct error *error)
{
	/* To name each path takes the rows: then the daemon has to send them. */
	if (!attach->options->dry_run && !attach->options->verbose &&
	    !attach->options->verify)
		request->holds =
			view_held_tags(&attach->held, attach->session.connection.server);
	return view_session_ask(&attach->session, request, error);
}

static int attach_once(struct tries *tries, struct error *error)
{
	const struct options *options = tries->options;
	struct attach attach AUTO(attach_fini) = {.options = options,
						  .report = tries->report,
						  .session = {.report = tries->report}};
	view_table_init(&attach.table);
	struct question request AUTO(question_fini) = {0};
	view_held_init(&attach.held);
	if (!options->no_stat_record)
		view_held_open(&attach.held, options->directory);
	struct connection_how how = how_to_connect(options);
	int err = question_make(options, options->dry_run ? "look" : "attach", &request,
				error);
	request.message.parents = true;
	if (!err)
		err = view_session_connect(&attach.session, &how, tries->deadline_ms,
					   error);
	if (!err)
		err = ask(&attach, &request.message, error);
	if (!err)
		err = attach_view(&attach, tries->started_ms, error);
	if (err && attach.got_to_directory)
		tries->told = *error;
	if (err)
		tries->goes_on = retry_goes_on(&tries->retry,
					       &attach.session.connection.link, err);
	tries->was_disturbed = err && attach.was_disturbed;
	return err;
}

/* Waits for the next try, if there is one. */
static bool goes_on(struct tries *tries)
{
	struct error interrupted;
	if (tries->was_disturbed && tries->disturbed++ < DISTURBED_MAX) {
		struct connection_how how = how_to_connect(tries->options);
		tries->deadline_ms = connection_patience(&how);
		return retry_wait(DISTURBED_PAUSE_MS * tries->disturbed, &interrupted) ==
		       0;
	}
	if (!tries->goes_on)
		return false;
	tries->deadline_ms = tries->retry.until_ms;
	return retry_wait(tries->retry.pause_ms, &interrupted) == 0;
}

static int check_options(const struct options *options, struct error *error)
{
	if (!*options->directory)
		return error_set(error, ERR_USAGE,
				 "attach: DIR is empty; leave it out for the working "
				 "directory");
	/* Patterns match paths as they were stored, without the job's directory. */
	if (options->delete_extra && options->by_job &&
	    (options->only.count > 0 || options->exclude.count > 0))
		return error_set(error, ERR_USAGE,
				 "attach: --delete with --by-job takes whole "
				 "directories; leave out --only and --exclude");
	return 0;
}

/* After a lost connection it is tried again, until the timeout has passed since the first
 * loss: the view is asked for again, and files that are in their place are kept. */
int attach_run(const struct options *options, struct report *report, struct error *error)
{
	int usage = check_options(options, error);
	if (usage)
		return usage;
	struct connection_how how = how_to_connect(options);
	struct tries tries = {
		.options = options,
		.report = report,
		.started_ms = clock_now_ms(),
		.deadline_ms = connection_patience(&how),
		.retry.timeout_ms = options->timeout_ms,
	};
	int err;
	while ((err = attach_once(&tries, error)) && goes_on(&tries))
		if (tries.retry.failures == 1)
			report_note(report, "%s; trying again", error->text);
	if (err && retry_may_help(err) && tries.told.code)
		*error = tries.told;
	return err ? error->code : 0;
}
