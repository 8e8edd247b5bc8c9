/* What a persist tells its user: one line, a list, or an object. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/commands/persist/session.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "proto/base/clock.h"
#include "proto/base/escape.h"

static void write_text(struct json_writer *json, const char *name, struct text text)
{
	json_writer_text_len(json, name, text.len ? text.at : "", text.len);
}

void persist_report_totals(struct json_writer *json, const struct totals *totals)
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

void persist_report_paths(const struct persist *persist, const struct tree *tree)
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
	persist_report_totals(json, &totals);
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
		persist_report_paths(persist, &outcome->upload.tree);
	if (report_is_json(persist->report))
		write_object(persist, outcome);
	else
		write_line(persist, outcome);
}

void persist_warn_of_empty(const struct persist *persist, const struct totals *totals)
{
	const struct selection *selection = &persist->selection;
	if (persist->options->if_empty != IF_EMPTY_WARN)
		return;
	size_t unmatched = 0;
	for (size_t i = 0; i < selection->count; i++) {
		if (!selection->items[i].matched && unmatched++ < FAULTS_NAMED_MAX)
			report_warning(persist->report, "`%s`: matched nothing",
				       selection->items[i].text);
	}
	if (unmatched > FAULTS_NAMED_MAX)
		report_warning(persist->report, "and %zu more PATHs matched nothing",
			       unmatched - FAULTS_NAMED_MAX);
	if (totals_rows(totals) == 0)
		report_warning(persist->report, "the layer is empty");
}
