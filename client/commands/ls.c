/*
 * ls: lists the merged tree that a job would get, and which job each path comes from.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "client/commands/command.h"
#include "client/question/how.h"
#include "client/question/question.h"
#include "client/view/session.h"
#include "proto/base/cleanup.h"
#include "proto/base/escape.h"

#define CONFLICTS_KEPT 20u

struct row_listing {
	const struct options *options; /* borrowed */
	struct view_session session;
	struct msg_conflict conflicts[CONFLICTS_KEPT]; /* texts owned, ids borrowed */
	size_t conflict_count;
};

static void listing_fini(struct row_listing *listing)
{
	for (size_t i = 0; i < listing->conflict_count; i++) {
		char *path AUTO_FREE = NULL;
		memcpy(&path, &listing->conflicts[i].path.at, sizeof(path));
		free(listing->conflicts[i].layers.items);
	}
	view_session_close(&listing->session);
}

static const struct msg_layer *layer_at(const struct row_listing *listing,
					uint32_t position)
{
	return &listing->session.view.layers.items[position];
}

/* Keeps it for the report, which lists the conflicts at the end. */
static void keep_conflict(struct row_listing *listing, const struct view_row *row)
{
	if (listing->conflict_count == CONFLICTS_KEPT)
		return;
	struct msg_conflict *conflict = &listing->conflicts[listing->conflict_count++];
	conflict->path.at = must_memdup(row->row.path, row->row.path_len);
	conflict->path.len = row->row.path_len;
	conflict->layers.items =
		must_calloc(row->conflict_count + 1, sizeof(*conflict->layers.items));
	conflict->layers.count = row->conflict_count;
	for (size_t i = 0; i < row->conflict_count; i++)
		conflict->layers.items[i] =
			layer_at(listing, row->conflict_layers[i])->layer;
}

/* ---- for programs ---- */

static const char *type_name(uint8_t type)
{
	static const char *const names[] = {
		[ROW_FILE] = "file",
		[ROW_DIRECTORY] = "directory",
		[ROW_SYMLINK] = "symlink",
	};
	return names[type];
}

static void put_text(struct json_writer *writer, const char *name, struct text text)
{
	json_writer_text_len(writer, name, text.len ? text.at : "", text.len);
}

static void put_time(struct json_writer *writer, const struct row *row)
{
	char text[48];
	(void)snprintf(text, sizeof(text), "%" PRId64 ".%09" PRIu32, row->time.seconds,
		       row->time.nanoseconds);
	json_writer_text(writer, "mtime", text);
}

static void put_row(const struct row_listing *listing, const struct view_row *entry,
		    struct json_writer *writer)
{
	const struct row *row = &entry->row;
	const struct msg_layer *layer = layer_at(listing, entry->layer);
	char mode[8];
	(void)snprintf(mode, sizeof(mode), "%04o", row->mode);
	json_writer_object_begin(writer, NULL);
	json_writer_path(writer, "path", row->path, row->path_len);
	json_writer_text(writer, "type", type_name(row->type));
	json_writer_text(writer, "mode", mode);
	if (row->type == ROW_FILE)
		json_writer_unsigned(writer, "size", row->size);
	put_time(writer, row);
	if (row->type == ROW_SYMLINK)
		json_writer_path(writer, "target", row->target, row->target_len);
	put_text(writer, "job", layer->job);
	put_text(writer, "shard", layer->shard);
	put_text(writer, "layer", layer->layer);
	if (entry->conflict) {
		json_writer_array_begin(writer, "conflict");
		for (size_t i = 0; i < entry->conflict_count; i++)
			put_text(writer, NULL,
				 layer_at(listing, entry->conflict_layers[i])->layer);
		json_writer_array_end(writer);
	}
	json_writer_object_end(writer);
}

/* ---- for people ---- */

static void mode_text(const struct row *row, char ret_text[11])
{
	static const char letters[] = "rwxrwxrwx";
	static const char types[] = {
		[ROW_FILE] = '-',
		[ROW_DIRECTORY] = 'd',
		[ROW_SYMLINK] = 'l',
	};
	ret_text[0] = types[row->type];
	for (int i = 0; i < 9; i++)
		ret_text[i + 1] = row->mode >> (8 - i) & 1 ? letters[i] : '-';
	ret_text[10] = '\0';
}

static const char *time_text(const struct row *row, char ret_text[40])
{
	time_t seconds = (time_t)row->time.seconds;
	struct tm utc;
	if (!gmtime_r(&seconds, &utc) ||
	    strftime(ret_text, 40, "%Y-%m-%d %H:%M:%SZ", &utc) == 0)
		(void)snprintf(ret_text, 40, "%" PRId64, row->time.seconds);
	return ret_text;
}

static void say_row(const struct row_listing *listing, const struct view_row *entry)
{
	const struct row *row = &entry->row;
	const struct msg_layer *layer = layer_at(listing, entry->layer);
	char mode[11];
	char size[HUMAN_TEXT_SIZE] = "";
	char label[LAYER_LABEL_SIZE];
	char time[40];
	mode_text(row, mode);
	if (row->type == ROW_FILE)
		(void)human_size(row->size, size);
	(void)layer_label(layer, label, sizeof(label));
	char *path AUTO_FREE = escape_encode(row->path, row->path_len);
	char *target AUTO_FREE =
		escape_encode(row->target_len ? row->target : "", row->target_len);
	const char *arrow = row->type == ROW_SYMLINK ? " -> " : "";
	if (listing->options->verbose)
		report_answer(listing->session.report,
			      "%s %9s  %-16s  %s  %.*s  %s%s%s%s", mode, size, label,
			      time_text(row, time), (int)layer->layer.len,
			      layer->layer.at, path, arrow, target,
			      entry->conflict ? "  (conflict)" : "");
	else
		report_answer(listing->session.report, "%s %9s  %-16s  %s%s%s%s", mode,
			      size, label, path, arrow, target,
			      entry->conflict ? "  (conflict)" : "");
	for (size_t i = 0; i < entry->conflict_count; i++) {
		const struct msg_layer *other =
			layer_at(listing, entry->conflict_layers[i]);
		report_answer(listing->session.report,
			      "           in conflict: `%s`, layer %.*s",
			      layer_label(other, label, sizeof(label)),
			      (int)other->layer.len, other->layer.at);
	}
}

/* ---- the verb ---- */

static int list_rows(struct row_listing *listing, struct error *error)
{
	struct json_writer *writer = report_json(listing->session.report);
	if (writer)
		json_writer_array_begin(writer, "entries");
	struct view_row row;
	int got;
	while ((got = view_session_next(&listing->session, &row, error)) > 0) {
		if (row.conflict)
			keep_conflict(listing, &row);
		if (writer)
			put_row(listing, &row, writer);
		else
			say_row(listing, &row);
	}
	if (got == 0 && writer)
		json_writer_array_end(writer);
	return got;
}

static void end_json(struct row_listing *listing)
{
	struct json_writer *writer = report_json(listing->session.report);
	if (!writer)
		return;
	char digest[DIGEST_TEXT_SIZE];
	json_writer_text(writer, "digest",
			 digest_text(&listing->session.view.digest, digest));
	view_session_json(&listing->session, writer);
	report_json_warnings(listing->session.report);
}

static int conflict_result(struct row_listing *listing, struct error *error)
{
	uint64_t count = listing->session.view.conflicts;
	if (count == 0)
		return 0;
	struct msg_error message = {.conflicts = {.items = listing->conflicts,
						  .count = listing->conflict_count},
				    .conflict_count = count};
	report_keep_conflicts(listing->session.report, &message);
	return error_set(
		error, ERR_CONFLICT,
		"%" PRIu64 " %s: concurrent layers disagree, so an attach would "
		"fail; choose with --prefer JOB[/SHARD], --on-conflict first|last or "
		"--from JOB, or keep all with --by-job",
		count, count == 1 ? "path" : "paths");
}

/* The daemon was sent the GLOBs as --only; its sentence would name that. */
static int refuse_globs(const struct string_list *globs, struct error *error)
{
	char *glob AUTO_FREE = escape_encode(globs->items[0], strlen(globs->items[0]));
	return error_set(
		error, ERR_EMPTY,
		"`%s`%s: nothing in this view matches; `baton ls` without a GLOB "
		"lists all of it",
		glob, globs->count > 1 ? " and the others" : "");
}

static int list(struct row_listing *listing, const struct msg_attach *request,
		struct error *error)
{
	const struct options *options = listing->options;
	struct connection_how how = how_to_connect(options);
	int err = view_session_open(&listing->session, &how, request,
				    connection_patience(&how), error);
	if (!err)
		err = list_rows(listing, error);
	if (err == ERR_EMPTY && options->arguments.count > 0)
		return refuse_globs(&options->arguments, error);
	if (err)
		return err;
	view_session_warn(&listing->session);
	end_json(listing);
	return conflict_result(listing, error);
}

int ls_run(const struct options *options, struct report *report, struct error *error)
{
	struct row_listing listing AUTO(listing_fini) = {.options = options,
							 .session = {.report = report}};
	struct question request AUTO(question_fini) = {0};
	int err = question_make(options, "look", &request, error);
	if (err)
		return err;
	if (options->arguments.count > PATTERNS_MAX)
		return error_set(error, ERR_USAGE, "more than %u patterns", PATTERNS_MAX);
	for (size_t i = 0; i < options->arguments.count; i++)
		if (!*options->arguments.items[i])
			return error_set(error, ERR_USAGE,
					 "ls: a GLOB is empty; leave it out to list all "
					 "of the view");
	if (options->arguments.count > 0)
		question_take_only(&request, options, &options->arguments);
	/* Unless the user says how to decide, all sides of a conflict are listed. */
	if (!options->on_conflict || strcmp(options->on_conflict, "error") == 0)
		request.message.on_conflict = text_of("mark");
	return list(&listing, &request.message, error);
}
