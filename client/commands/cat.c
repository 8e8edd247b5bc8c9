/*
 * cat: writes one file of the view to standard output, each unit after it was verified.
 * It asks for a few units at a time, so that its memory does not grow with the file.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/commands/command.h"
#include "client/download/download.h"
#include "client/download/want.h"
#include "client/question/how.h"
#include "client/question/question.h"
#include "client/view/session.h"
#include "client/view/table.h"
#include "proto/base/cleanup.h"
#include "proto/base/escape.h"
#include "proto/path/path.h"

/* Units asked for at a time, of at most 2 MiB each. A multiple of 8, because a WANT
 * begins at one. */
#define ROUND_UNITS 8u

struct cat {
	const struct options *options; /* borrowed */
	const char *path;              /* borrowed; the argument, cleaned */
	char *unescaped; /* owned; the path that `baton ls` prints like this, or NULL */
	struct view_session session;
	struct view_table table;
	uint32_t entry;              /* the file */
	uint8_t *units[ROUND_UNITS]; /* owned; of a round */
	uint32_t first;              /* mention of the round's first unit */
	bool reader_gone;            /* nobody reads standard output: no error */
};

static void drop_round(struct cat *cat)
{
	for (size_t i = 0; i < ROUND_UNITS; i++)
		free(take_ptr(&cat->units[i]));
}

static void cat_fini(struct cat *cat)
{
	drop_round(cat);
	free(cat->unescaped);
	view_table_fini(&cat->table);
	view_session_close(&cat->session);
}

/* ---- the path ---- */

static const char *workflow_of(const struct options *options)
{
	if (options->from_workflow)
		return options->from_workflow;
	return options->workflow.value ? options->workflow.value : "";
}

static int not_found(const struct cat *cat, struct error *error)
{
	return error_set(
		error, ERR_NOT_FOUND,
		"`%s`: not in the view of workflow `%s`; `baton ls` shows what is",
		cat->path, workflow_of(cat->options));
}

static int refuse_ambiguous(const struct cat *cat, struct error *error)
{
	return error_set(error, ERR_USAGE,
			 "`%s`: a path of the view, and how `baton ls` prints another "
			 "one; use --literal for the former, or attach the latter "
			 "with --only",
			 cat->path);
}

/* The path that ls prints as `path`, if it escapes anything in it; else NULL. Owned by
 * the caller. */
static char *unescaped_path(const char *path)
{
	size_t len;
	char *unescaped AUTO_FREE = escape_decode(path, strlen(path), &len);
	bool differs = unescaped && strcmp(unescaped, path) != 0;
	return differs && path_valid(unescaped, len) ? take_ptr(&unescaped) : NULL;
}

static bool is_at(const struct row *row, const char *path)
{
	return path && row->path_len == strlen(path) &&
	       memcmp(row->path, path, row->path_len) == 0;
}

/* Takes one of the rows that the path's pattern gave: the file itself, or what is below a
 * directory, which is refused. */
static int take_row(struct cat *cat, const struct row *row, struct error *error)
{
	const char *path = cat->path;
	if (cat->table.entry_count > 1)
		return refuse_ambiguous(cat, error);
	if ((!is_at(row, path) && !is_at(row, cat->unescaped)) ||
	    row->type == ROW_DIRECTORY)
		return error_set(error, ERR_USAGE,
				 "`%s`: a directory; `baton ls` lists what is in it",
				 path);
	if (row->type == ROW_SYMLINK) {
		char *target AUTO_FREE = escape_encode(row->target, row->target_len);
		return error_set(
			error, ERR_USAGE,
			"`%s`: a symbolic link to `%s`, which is not followed; name "
			"the file itself",
			path, target);
	}
	return view_table_add(&cat->table, row, error);
}

static int find_file(struct cat *cat, struct error *error)
{
	struct view_row row;
	int got;
	int err = 0;
	while ((got = view_session_next(&cat->session, &row, error)) > 0 && !err)
		err = take_row(cat, &row.row, error);
	if (got < 0 || err)
		return got < 0 ? got : err;
	view_table_finish(&cat->table);
	if (cat->table.entry_count < 2)
		return not_found(cat, error);
	cat->entry = cat->table.entry_count - 1;
	return 0;
}

/* ---- rounds ---- */

static int on_unit(void *context, unsigned worker, uint32_t mention, const uint8_t *bytes,
		   struct error *error)
{
	(void)worker;
	(void)error;
	struct cat *cat = context;
	size_t len = cat->table.units[mention].name.key.len;
	uint8_t *copy = must_alloc(len);
	memcpy(copy, bytes, len);
	cat->units[mention - cat->first] = copy;
	return 0;
}

static uint32_t round_units(const struct cat *cat)
{
	const struct view_entry *file = &cat->table.entries[cat->entry];
	uint32_t left = file->unit_count - cat->first;
	return left < ROUND_UNITS ? left : ROUND_UNITS;
}

static int write_unit(struct cat *cat, const uint8_t *bytes, size_t len,
		      struct error *error)
{
	while (len > 0) {
		ssize_t wrote = write(STDOUT_FILENO, bytes, len);
		if (wrote < 0 && errno == EINTR)
			continue;
		cat->reader_gone = wrote < 0 && errno == EPIPE;
		if (cat->reader_gone)
			return 0;
		if (wrote < 0)
			return error_set_errno(error, ERR_LOCAL, errno,
					       "standard output: cannot be written");
		bytes += wrote;
		len -= (size_t)wrote;
	}
	return 0;
}

static int write_round(struct cat *cat, uint32_t count, struct error *error)
{
	int err = 0;
	for (uint32_t i = 0; i < count && !err && !cat->reader_gone; i++)
		err = write_unit(cat, cat->units[i],
				 cat->table.units[cat->first + i].name.key.len, error);
	return err;
}

static int copy_round(struct cat *cat, uint32_t count, struct error *error)
{
	struct want want AUTO(want_fini) = {0};
	want_init(&want, &cat->table, cat->first, count, count);
	for (uint32_t i = 0; i < count; i++)
		want_add(&want, cat->first + i);
	struct link *link = &cat->session.connection.link;
	struct download_sink sink = {.on_unit = on_unit, .context = cat};
	int err = want_send(&want, link, error);
	if (!err)
		err = download_run(link, &want, &sink, cat->options->verify, error);
	if (!err)
		err = write_round(cat, count, error);
	drop_round(cat);
	return err;
}

static int copy_file(struct cat *cat, struct error *error)
{
	int err = 0;
	uint32_t count;
	while (!err && !cat->reader_gone && (count = round_units(cat)) > 0) {
		err = copy_round(cat, count, error);
		cat->first += count;
	}
	return err;
}

/* ---- the verb ---- */

static int cat_path(struct cat *cat, const struct msg_attach *request,
		    struct error *error)
{
	struct connection_how how = how_to_connect(cat->options);
	int err = view_session_open(&cat->session, &how, request,
				    connection_patience(&how), error);
	if (!err)
		err = find_file(cat, error);
	/* Nothing matched the only filter, which is the path. */
	if (err == ERR_EMPTY)
		err = not_found(cat, error);
	if (!err)
		view_session_warn(&cat->session);
	return err ? err : copy_file(cat, error);
}

int cat_run(const struct options *options, struct report *report, struct error *error)
{
	struct cat cat AUTO(cat_fini) = {.options = options,
					 .session = {.report = report}};
	view_table_init(&cat.table);
	char *path AUTO_FREE = path_clean_name(options->arguments.items[0]);
	if (!path_valid(path, strlen(path)))
		return error_set(
			error, ERR_USAGE,
			"`%s`: not a path of a view; they are relative, without `..`",
			options->arguments.items[0]);
	struct question request AUTO(question_fini) = {0};
	int err = question_make(options, "look", &request, error);
	if (err)
		return err;
	cat.path = path;
	cat.unescaped = options->literal ? NULL : unescaped_path(path);
	char *given AUTO_FREE = glob_escape(path);
	char *meant AUTO_FREE = cat.unescaped ? glob_escape(cat.unescaped) : NULL;
	struct text only[] = {text_of(given), text_of(meant ? meant : "")};
	request.message.only = (struct text_list){only, meant ? 2 : 1};
	request.message.exclude = (struct text_list){0};
	return cat_path(&cat, &request.message, error);
}
