/* What a persist tells its user: one line, a list, or an object. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "client/commands/persist_session.h"
#include "client/terminal/interrupts.h"
#include "client/tree/directory.h"
#include "client/tree/link.h"
#include "client/tree/loss.h"
#include "client/tree/walk.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "proto/base/clock.h"
#include "proto/base/escape.h"

static void write_text(struct json_writer *json, const char *name, struct text text)
{
	json_writer_text_len(json, name, text.len ? text.at : "", text.len);
}

static void write_totals(struct json_writer *json, const struct totals *totals)
{
	json_writer_unsigned(json, "files", totals->files);
	json_writer_unsigned(json, "directories", totals->directories);
	json_writer_unsigned(json, "symlinks", totals->symlinks);
	json_writer_unsigned(json, "bytes", totals->bytes);
}

static struct totals totals_of(const struct msg_layer *layer)
{
	return (struct totals){
		.files = layer->files,
		.directories = layer->directories,
		.symlinks = layer->symlinks,
		.bytes = layer->bytes,
	};
}

/* ---- paths ---- */

/* The stored path of an entry, escaped; owned by the caller. */
static char *stored_text(const struct persist *persist, const struct tree *tree,
			 uint32_t entry)
{
	struct buffer below AUTO(buffer_fini) = {0};
	struct buffer path AUTO(buffer_fini) = {0};
	tree_path(tree, entry, &below);
	if (*persist->prefix) {
		buffer_put(&path, persist->prefix, strlen(persist->prefix));
		buffer_put_u8(&path, '/');
	}
	buffer_put(&path, below.at, below.len);
	return escape_encode((const char *)path.at, path.len);
}

static void list_paths(const struct persist *persist, const struct tree *tree)
{
	for (uint32_t i = 0; i < tree->count; i++) {
		if (!tree_entry(tree, i)->is_row)
			continue;
		char *text AUTO_FREE = stored_text(persist, tree, i);
		report_line(persist->report, "%s", text);
	}
}

/* ---- after a persist ---- */

static void write_object(const struct persist *persist,
			 const struct persist_outcome *outcome)
{
	struct json_writer *json = report_json(persist->report);
	const struct msg_committed *committed = &outcome->committed;
	const struct msg_layer *layer = &committed->layer;
	char digest[DIGEST_TEXT_SIZE];
	struct digest of;
	memcpy(of.bytes, layer->digest.at, SHA256_LEN);
	write_text(json, "layer", layer->layer);
	json_writer_text(json, "digest", digest_text(&of, digest));
	write_text(json, "workflow", layer->workflow);
	write_text(json, "run", layer->run);
	write_text(json, "job", layer->job);
	write_text(json, "shard", layer->shard);
	write_text(json, "attempt", layer->attempt);
	json_writer_unsigned(json, "sequence", layer->sequence);
	struct totals totals = totals_of(layer);
	write_totals(json, &totals);
	json_writer_unsigned(json, "new_bytes", committed->new_bytes);
	json_writer_unsigned(json, "stored_bytes", committed->stored_bytes);
	json_writer_unsigned(json, "sent_bytes", persist->sent_bytes);
	json_writer_array_begin(json, "replaces");
	for (size_t i = 0; i < committed->replaces.count; i++)
		write_text(json, NULL, committed->replaces.items[i]);
	json_writer_array_end(json);
	json_writer_unsigned(json, "skipped",
			     outcome->has_upload ? outcome->upload.skipped : 0);
	json_writer_boolean(json, "again", outcome->again || committed->again);
	report_json_warnings(persist->report);
	json_writer_unsigned(json, "elapsed_ms", clock_now_ms() - persist->started_ms);
}

static void append(struct buffer *line, struct text text)
{
	buffer_put(line, text.at, text.len);
}

/* "; replaces 1a2b… of an earlier execution"; "" if nothing was. Owned by the caller. */
static char *replaces_text(const struct msg_committed *committed)
{
	struct buffer text AUTO(buffer_fini) = {0};
	for (size_t i = 0; i < committed->replaces.count; i++) {
		append(&text, text_of(i == 0 ? "; replaces " : ", "));
		append(&text, committed->replaces.items[i]);
	}
	return must_memdup(text.at ? (const char *)text.at : "", text.len);
}

static void write_line(const struct persist *persist,
		       const struct persist_outcome *outcome)
{
	const struct msg_committed *committed = &outcome->committed;
	const struct msg_layer *layer = &committed->layer;
	char files[HUMAN_TEXT_SIZE], bytes[HUMAN_TEXT_SIZE], elapsed[HUMAN_TEXT_SIZE];
	char fresh[HUMAN_TEXT_SIZE], sent[HUMAN_TEXT_SIZE];
	char *replaces AUTO_FREE = replaces_text(committed);
	(void)human_things(layer->files, "file", files);
	(void)human_size(layer->bytes, bytes);
	(void)human_seconds(clock_now_ms() - persist->started_ms, elapsed);
	(void)human_size(committed->new_bytes, fresh);
	(void)human_size(persist->sent_bytes, sent);
	if (outcome->again)
		report_line(persist->report,
			    "persisted %s, %s as layer %.*s (an earlier try had got "
			    "through) in %s%s",
			    files, bytes, (int)layer->layer.len, layer->layer.at, elapsed,
			    replaces);
	else
		report_line(persist->report,
			    "persisted %s, %s as layer %.*s (%s new, %s sent) in %s%s",
			    files, bytes, (int)layer->layer.len, layer->layer.at, fresh,
			    sent, elapsed, replaces);
}

void persist_report(const struct persist *persist, const struct persist_outcome *outcome)
{
	if (persist->options->verbose && outcome->has_upload)
		list_paths(persist, &outcome->upload.tree);
	if (report_is_json(persist->report))
		write_object(persist, outcome);
	else
		write_line(persist, outcome);
}

void persist_warn_of_empty(const struct persist *persist, const struct totals *totals)
{
	const char *unmatched = selection_unmatched(&persist->selection);
	if (persist->options->if_empty != IF_EMPTY_WARN)
		return;
	if (unmatched)
		report_warning(persist->report, "`%s`: matched nothing", unmatched);
	if (totals_rows(totals) == 0)
		report_warning(persist->report, "the layer is empty");
}

/* ---- dry run ---- */

struct dry_run {
	struct persist *persist; /* borrowed */
	struct tree tree;
	struct tree_directory directory;
	uint64_t skipped;
	struct links_left_out links;
	struct totals totals;
};

static void on_skipped(void *context, const char *path, size_t len, const char *kind)
{
	struct dry_run *dry = context;
	char *text AUTO_FREE = escape_encode(path, len);
	report_warning(dry->persist->report, "`%s`: skipped, because it is a %s", text,
		       kind);
	dry->skipped++;
}

static void on_link(void *context, const char *path, size_t len, const char *target)
{
	struct dry_run *dry = context;
	links_left_out_add(&dry->links, path, len, target);
}

static int on_progress(void *context, struct error *error)
{
	(void)context;
	if (interrupts_pending())
		return error_set(error, ERR_INTERRUPTED, "interrupted");
	return 0;
}

static void dry_run_fini(struct dry_run *dry)
{
	tree_directory_fini(&dry->directory);
	links_left_out_fini(&dry->links);
	tree_fini(&dry->tree);
}

static void note_loss(struct dry_run *dry, uint32_t number, int fd, mode_t mode)
{
	char begin[4];
	ssize_t len = mode & 0111 ? pread(fd, begin, sizeof(begin), 0) : 0;
	uint8_t loss = loss_of_mode(mode);
	if (len > 0)
		loss |= loss_of_capabilities(fd, mode, begin, (size_t)len);
	loss_note(&dry->tree, tree_entry(&dry->tree, number), loss);
}

static int measure(struct dry_run *dry, uint32_t number, struct error *error)
{
	const struct entry *entry = tree_entry(&dry->tree, number);
	dry->totals.directories += entry->type == ROW_DIRECTORY;
	dry->totals.symlinks += entry->type == ROW_SYMLINK;
	if (entry->type != ROW_FILE)
		return 0;
	struct tree_spot spot;
	tree_directory_spot(&dry->directory, number, &spot);
	int fd AUTO_FD = spot.fd < 0 ? -1
				     : openat(spot.fd, spot.name,
					      O_RDONLY | spot.open_flags | O_NONBLOCK |
						      O_NOCTTY | O_CLOEXEC);
	struct stat status;
	if (fd < 0 || fstat(fd, &status) < 0) {
		int wrong = errno;
		char *text AUTO_FREE = tree_path_text(&dry->tree, number);
		return error_set_errno(error, ERR_LOCAL, wrong, "`%s`: cannot be read",
				       text);
	}
	note_loss(dry, number, fd, status.st_mode);
	dry->totals.files++;
	dry->totals.bytes += (uint64_t)status.st_size;
	return 0;
}

static int measure_all(struct dry_run *dry, struct error *error)
{
	for (uint32_t i = 0; i < dry->tree.count; i++) {
		if (!tree_entry(&dry->tree, i)->is_row)
			continue;
		int err = measure(dry, i, error);
		if (err < 0)
			return err;
	}
	return 0;
}

static void report_dry(const struct dry_run *dry)
{
	struct report *report = dry->persist->report;
	if (dry->persist->options->verbose)
		list_paths(dry->persist, &dry->tree);
	struct json_writer *json = report_json(report);
	if (json) {
		json_writer_boolean(json, "dry_run", true);
		write_totals(json, &dry->totals);
		json_writer_unsigned(json, "skipped", dry->skipped);
		report_json_warnings(report);
		json_writer_unsigned(json, "elapsed_ms",
				     clock_now_ms() - dry->persist->started_ms);
		return;
	}
	char files[HUMAN_TEXT_SIZE], directories[HUMAN_TEXT_SIZE];
	char symlinks[HUMAN_TEXT_SIZE], bytes[HUMAN_TEXT_SIZE];
	report_line(report, "would persist %s, %s and %s: %s; nothing was done",
		    human_things(dry->totals.files, "file", files),
		    human_things(dry->totals.directories, "directory", directories),
		    human_things(dry->totals.symlinks, "symbolic link", symlinks),
		    human_size(dry->totals.bytes, bytes));
}

int persist_dry_run(struct persist *persist, struct error *error)
{
	struct dry_run dry AUTO(dry_run_fini) = {.persist = persist};
	tree_init(&dry.tree);
	tree_directory_init(&dry.directory, &dry.tree, persist->selection.root_fd);
	struct walk_request request = {
		.selection = &persist->selection,
		.prefix = persist->prefix,
		.events = {on_progress, on_skipped, on_link, &dry},
	};
	int err = walk_run(&request, &dry.tree, error);
	if (err == 0 && persist->options->if_empty == IF_EMPTY_ERROR)
		err = selection_check(&persist->selection, error);
	if (err == 0)
		err = measure_all(&dry, error);
	if (err == 0)
		err = persist_check_totals(persist, &dry.totals, error);
	if (err < 0)
		return err;
	char *links AUTO_FREE = links_left_out_text(&dry.links);
	if (links)
		report_warning(persist->report, "%s", links);
	char *loss AUTO_FREE = loss_text(&dry.tree);
	if (loss)
		report_warning(persist->report, "%s", loss);
	persist_warn_of_empty(persist, &dry.totals);
	report_dry(&dry);
	return 0;
}
