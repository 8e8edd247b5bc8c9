/*
 * diff: lists what differs between two layers or workflows, path by path. Both are read
 * at the same time, so that memory does not grow with the trees. Like `git diff` it
 * succeeds whether or not they differ; modification times do not count.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "client/commands/command.h"
#include "client/question/how.h"
#include "client/question/question.h"
#include "client/view/session.h"
#include "proto/base/cleanup.h"
#include "proto/base/escape.h"
#include "proto/path/path.h"

/* How a path differs. */
#define DIFFERS_TYPE 1u
#define DIFFERS_BYTES 2u
#define DIFFERS_MODE 4u
#define DIFFERS_TARGET 8u

struct side {
	struct view_session session;
	struct view_row row; /* the next one */
	bool empty;          /* the daemon knows it, and it has no rows */
	bool ended;
};

struct diff {
	const struct options *options; /* borrowed */
	struct report *report;         /* borrowed */
	struct side sides[2];
	uint64_t added, removed, changed;
};

static void diff_fini(struct diff *diff)
{
	view_session_close(&diff->sides[0].session);
	view_session_close(&diff->sides[1].session);
}

/* ---- what each name stands for ---- */

static bool may_be_layer(const char *name)
{
	size_t len = strlen(name);
	return len >= 4 && len <= 16 && strspn(name, "0123456789abcdef") == len;
}

static int open_as(struct diff *diff, struct side *side, const char *layer,
		   char *workflow, struct error *error)
{
	struct question request AUTO(question_fini) = {0};
	/* Two workflows can be compared without --workflow. */
	struct options options = *diff->options;
	if (!options.from_workflow)
		options.from_workflow = workflow;
	int err = question_make(&options, "look", &request, error);
	if (err)
		return err;
	request.message.layer = text_of(layer);
	request.message.from_workflow = text_of(workflow);
	/* Conflicts are no error here: the row of the last layer is compared. */
	request.message.on_conflict = text_of("mark");
	struct connection_how how = how_to_connect(diff->options);
	side->session = (struct view_session){.report = diff->report};
	err = view_session_open(&side->session, &how, &request.message,
				connection_patience(&how), error);
	side->empty = err == ERR_EMPTY;
	return side->empty ? 0 : err;
}

/* Takes the name for a layer if the workflow has one of that id, else for a workflow. */
static int open_side(struct diff *diff, struct side *side, char *name,
		     struct error *error)
{
	const struct options *options = diff->options;
	if ((options->workflow.value || options->from_workflow) && may_be_layer(name)) {
		int err = open_as(diff, side, name, options->from_workflow, error);
		if (err != ERR_NOT_FOUND)
			return err;
		view_session_close(&side->session);
	}
	int err = open_as(diff, side, NULL, name, error);
	if (err != ERR_NOT_FOUND)
		return err;
	return error_set(
		error, ERR_NOT_FOUND,
		"`%s`: neither a layer nor a workflow that the daemon knows; `baton "
		"log --all` lists the layers of a workflow",
		name);
}

/* ---- saying ---- */

static const char *differences(unsigned how, char ret_text[64])
{
	static const struct {
		unsigned bit;
		const char *word;
	} words[] = {{DIFFERS_TYPE, "type"},
		     {DIFFERS_BYTES, "bytes"},
		     {DIFFERS_MODE, "mode"},
		     {DIFFERS_TARGET, "target"}};
	ret_text[0] = '\0';
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (!(how & words[i].bit))
			continue;
		if (ret_text[0])
			strcat(ret_text, ", ");
		strcat(ret_text, words[i].word);
	}
	return ret_text;
}

/* sign: '+', '-' or '~'. */
static void say(struct diff *diff, char sign, const struct row *row, unsigned how)
{
	static const char *const words[] = {"added", "removed", "changed"};
	const char *word = words[sign == '+' ? 0 : sign == '-' ? 1 : 2];
	struct json_writer *writer = report_json(diff->report);
	char how_text[64];
	if (writer) {
		json_writer_object_begin(writer, NULL);
		json_writer_path(writer, "path", row->path, row->path_len);
		json_writer_text(writer, "change", word);
		if (how)
			json_writer_text(writer, "differs", differences(how, how_text));
		json_writer_object_end(writer);
		return;
	}
	char *path AUTO_FREE = escape_encode(row->path, row->path_len);
	if (how)
		report_answer(diff->report, "%c %s (%s)", sign, path,
			      differences(how, how_text));
	else
		report_answer(diff->report, "%c %s", sign, path);
}

/* ---- comparing ---- */

static unsigned compare_rows(const struct row *a, const struct row *b)
{
	if (a->type != b->type)
		return DIFFERS_TYPE;
	unsigned how = a->mode != b->mode ? DIFFERS_MODE : 0;
	if (!row_content_equal(a, b))
		how |= a->type == ROW_FILE ? DIFFERS_BYTES : DIFFERS_TARGET;
	return how;
}

static int advance(struct side *side, struct error *error)
{
	int got = side->empty ? 0 : view_session_next(&side->session, &side->row, error);
	side->ended = got == 0 || got == ERR_EMPTY;
	return got < 0 && !side->ended ? got : 0;
}

/* Which side has the path that comes next: <0: only the first; >0: only the second; 0:
 * both. */
static int which_next(const struct side *first, const struct side *second)
{
	if (first->ended || second->ended)
		return first->ended ? 1 : -1;
	return path_compare(first->row.row.path, first->row.row.path_len,
			    second->row.row.path, second->row.row.path_len);
}

static int step(struct diff *diff, struct error *error)
{
	struct side *first = &diff->sides[0];
	struct side *second = &diff->sides[1];
	int which = which_next(first, second);
	if (which < 0) {
		say(diff, '-', &first->row.row, 0);
		diff->removed++;
	} else if (which > 0) {
		say(diff, '+', &second->row.row, 0);
		diff->added++;
	} else {
		unsigned how = compare_rows(&first->row.row, &second->row.row);
		if (how)
			say(diff, '~', &second->row.row, how);
		diff->changed += how != 0;
	}
	int err = which <= 0 ? advance(first, error) : 0;
	return err || which < 0 ? err : advance(second, error);
}

static int compare(struct diff *diff, struct error *error)
{
	struct json_writer *writer = report_json(diff->report);
	if (writer)
		json_writer_array_begin(writer, "entries");
	int err = advance(&diff->sides[0], error);
	if (!err)
		err = advance(&diff->sides[1], error);
	while (!err && !(diff->sides[0].ended && diff->sides[1].ended))
		err = step(diff, error);
	if (!err && writer)
		json_writer_array_end(writer);
	return err;
}

/* ---- the verb ---- */

static void warn_conflicts(const struct diff *diff, char *const *names)
{
	for (int i = 0; i < 2; i++) {
		uint64_t conflicts = diff->sides[i].session.view.conflicts;
		if (conflicts)
			report_warning(diff->report,
				       "`%s`: %" PRIu64
				       " %s in conflict between its layers; the last "
				       "layer's were compared",
				       names[i], conflicts,
				       conflicts == 1 ? "path is" : "paths are");
	}
}

static void end_report(const struct diff *diff)
{
	struct json_writer *writer = report_json(diff->report);
	if (!writer) {
		report_line(diff->report,
			    "%" PRIu64 " added, %" PRIu64 " removed, %" PRIu64 " changed",
			    diff->added, diff->removed, diff->changed);
		return;
	}
	json_writer_unsigned(writer, "added", diff->added);
	json_writer_unsigned(writer, "removed", diff->removed);
	json_writer_unsigned(writer, "changed", diff->changed);
	report_json_warnings(diff->report);
}

int diff_run(const struct options *options, struct report *report, struct error *error)
{
	struct diff diff AUTO(diff_fini) = {.options = options, .report = report};
	char *const *names = options->arguments.items;
	int err = open_side(&diff, &diff.sides[0], names[0], error);
	if (!err)
		err = open_side(&diff, &diff.sides[1], names[1], error);
	if (!err)
		err = compare(&diff, error);
	if (err)
		return err;
	warn_conflicts(&diff, names);
	end_report(&diff);
	return 0;
}
