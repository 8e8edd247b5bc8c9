/*
 * persist: makes one layer of PATHs (rules W1, W2, T1 to T3). This file decides how often
 * it is tried; one try is client/commands/persist/session.c.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "client/commands/command.h"
#include "client/commands/persist/session.h"
#include "client/connection/retry.h"
#include "client/question/how.h"
#include "client/record/writer.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "proto/base/clock.h"

static void persist_fini(struct persist *persist)
{
	progress_free(persist->progress);
	credentials_fini(&persist->credentials);
	free(persist->identity_items);
	record_writer_free(persist->record_writer);
	record_close(persist->record);
	selection_close(&persist->selection);
}

/* ---- before the first try ---- */

static int make_key(struct persist *persist, struct error *error)
{
	if (getrandom(persist->key, sizeof(persist->key), 0) == sizeof(persist->key))
		return 0;
	return error_set_errno(error, ERR_INTERNAL, errno, "random bytes for a key");
}

static int check_paths(const struct persist *persist, struct error *error)
{
	if (persist->options->if_empty != IF_EMPTY_ERROR ||
	    !selection_lacks(&persist->selection))
		return 0;
	struct faults faults AUTO(faults_fini);
	faults_init(&faults);
	int err = selection_check(&persist->selection, &faults, error);
	report_keep_faults(persist->report, &faults);
	return err;
}

static int prepare(struct persist *persist, struct error *error)
{
	struct selection_how how = how_to_select(persist->options);
	struct error ignored = {0};
	/* Where one is needed, connecting says what is wrong with it. */
	(void)credentials_find(persist->options->token_file, &persist->credentials,
			       &ignored);
	int err = make_key(persist, error);
	if (err == 0)
		err = selection_open(&persist->selection, &how, error);
	return err < 0 ? err : check_paths(persist, error);
}

/* ---- trying ---- */

/* Waits, then connects again, for at most --timeout from now. */
static int reconnect(struct persist *persist, struct connection *connection,
		     uint32_t pause_ms, struct error *error)
{
	uint64_t deadline_ms = clock_now_ms() + (uint64_t)persist->options->timeout_ms;
	connection_close(connection);
	int err = retry_wait(pause_ms, error);
	return err < 0 ? err : persist_connect(persist, deadline_ms, connection, error);
}

/* The daemon may refuse what was cited because the stat record is wrong: then it is tried
 * once without it. */
static bool may_be_misled(const struct persist *persist,
			  const struct connection *connection, int err)
{
	return persist->record && connection->link.last_error.len > 0 &&
	       (err == ERR_DENIED || err == ERR_DAMAGED);
}

static int try_often(struct persist *persist, struct connection *connection,
		     struct persist_outcome *outcome, struct error *error)
{
	struct retry retry = {.timeout_ms = persist->options->timeout_ms,
			      .keeps_progress = true};
	for (;;) {
		int err = persist_session(persist, connection, outcome, error);
		if (err == 0)
			return err;
		bool misled = may_be_misled(persist, connection, err);
		if (!retry_goes_on(&retry, &connection->link, err) && !misled)
			return err;
		/* What a wrong record made of it is no news. */
		if (misled)
			record_close(take_ptr(&persist->record));
		else
			report_note(persist->report, "%s; trying again", error->text);
		persist_outcome_fini(outcome);
		progress_restart(persist->progress);
		err = reconnect(persist, connection, retry.pause_ms, error);
		if (err < 0)
			return err;
	}
}

/* Called once, after the last try, so that nothing is said twice. */
static void warn_of_upload(const struct persist *persist,
			   const struct persist_outcome *outcome)
{
	const struct string_list *warnings = &outcome->upload.warnings;
	for (size_t i = 0; i < warnings->count; i++)
		report_warning(persist->report, "%s", warnings->items[i]);
	if (outcome->has_upload) {
		persist_warn_of_empty(persist, &outcome->upload.totals);
		report_keep_faults(persist->report, &outcome->upload.faults);
	}
}

static int persist_online(struct persist *persist, struct error *error)
{
	const struct options *options = persist->options;
	int err = options_identity(options, true, &persist->identity,
				   &persist->identity_items, error);
	if (err < 0)
		return err;
	struct connection connection AUTO(connection_close) = {0};
	struct connection_how how = how_to_connect(options);
	persist_record_open(persist);
	err = persist_connect(persist, connection_patience(&how), &connection, error);
	if (err < 0)
		return err;
	bool draws = !options->quiet && !options->no_progress;
	persist->progress = progress_new("persist", draws);
	struct persist_outcome outcome AUTO(persist_outcome_fini) = {0};
	err = try_often(persist, &connection, &outcome, error);
	progress_free(take_ptr(&persist->progress));
	warn_of_upload(persist, &outcome);
	if (err == 0) {
		persist_record_end(persist, &outcome);
		persist_report(persist, &outcome);
	}
	return err;
}

int persist_run(const struct options *options, struct report *report, struct error *error)
{
	struct persist persist AUTO(persist_fini) = {
		.options = options,
		.report = report,
		.prefix = options->prefix ? options->prefix : "",
		.selection.root_fd = -1,
		.started_ms = clock_now_ms(),
	};
	char *records AUTO_FREE = record_folder();
	own_places_add_records(&persist.own, records);
	int err = prepare(&persist, error);
	if (err < 0)
		return err;
	return options->dry_run ? persist_dry_run(&persist, error)
				: persist_online(&persist, error);
}
