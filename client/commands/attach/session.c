#include "client/commands/attach/session.h"

#include <stdlib.h>

#include "client/commands/attach/report.h"
#include "client/question/how.h"
#include "client/question/question.h"
#include "proto/base/cleanup.h"

void attach_init(struct attach *attach, const struct options *options,
		 struct report *report, uint64_t started_ms)
{
	*attach = (struct attach){.options = options,
				  .report = report,
				  .started_ms = started_ms,
				  .session = {.report = report}};
	view_table_init(&attach->table);
	view_held_init(&attach->held);
}

void attach_fini(struct attach *attach)
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

/* ---- DIR ---- */

static int abandon(struct attach *attach, struct error *error)
{
	attach->was_disturbed = destination_was_disturbed(attach->destination);
	return destination_abandon(take_ptr(&attach->destination), error);
}

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

static int write_tree(struct attach *attach, struct error *error)
{
	bool draw = !attach->options->quiet && !attach->options->no_progress;
	attach->progress = progress_new("attach", draw);
	int err = attach_fetch(attach, error);
	if (!err)
		err = destination_finish(attach->destination, error);
	progress_free(take_ptr(&attach->progress));
	if (err)
		return abandon(attach, error);
	attach_record(attach);
	return tell_attached(attach, error);
}

/* ---- one try ---- */

/* All of the view is in DIR already: there is nothing to write. */
static int confirm_held(struct attach *attach, struct error *error)
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
	struct attach_figures figures = {.started_ms = attach->started_ms,
					 .counts = {.files = files, .unchanged = files}};
	attach_report(attach->options, &attach->session, &figures);
	return 0;
}

static int receive_view(struct attach *attach, struct error *error)
{
	struct view_rows *view = &attach->session.view;
	int err = view->held ? view_rows_want(view, error) : 0;
	if (!err)
		err = read_view(attach, error);
	return err ? err : check_expected(attach, error);
}

static int make_directory_so(struct attach *attach, struct error *error)
{
	int err = open_destination(attach, error);
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
	struct attach_figures figures = {.started_ms = attach->started_ms,
					 .counts =
						 destination_counts(attach->destination)};
	destination_close(take_ptr(&attach->destination));
	attach_report(attach->options, &attach->session, &figures);
	return 0;
}

static int ask(struct attach *attach, struct msg_attach *request, struct error *error)
{
	/* To name each path takes the rows: then the daemon has to send them. */
	if (!attach->options->dry_run && !attach->options->verbose &&
	    !attach->options->verify)
		request->holds =
			view_held_tags(&attach->held, attach->session.connection.server);
	return view_session_ask(&attach->session, request, error);
}

int attach_session(struct attach *attach, uint64_t deadline_ms, struct error *error)
{
	const struct options *options = attach->options;
	struct question request AUTO(question_fini) = {0};
	if (!options->no_stat_record)
		view_held_open(&attach->held, options->directory);
	struct connection_how how = how_to_connect(options);
	int err = question_make(options, options->dry_run ? "look" : "attach", &request,
				error);
	request.message.parents = true;
	if (!err)
		err = view_session_connect(&attach->session, &how, deadline_ms, error);
	if (!err)
		err = ask(attach, &request.message, error);
	if (err)
		return err;
	struct view_rows *view = &attach->session.view;
	if (view->held &&
	    view_held_lies_there(&attach->held, view, options->delete_extra))
		return confirm_held(attach, error);
	err = receive_view(attach, error);
	if (err)
		return err;
	warn(attach);
	return make_directory_so(attach, error);
}
