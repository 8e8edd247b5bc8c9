#include "client/commands/attach/report.h"

#include <stdlib.h>
#include <string.h>

#include "proto/base/cleanup.h"
#include "proto/base/clock.h"
#include "proto/base/escape.h"

static void put_digest(struct json_writer *writer, const struct digest *digest)
{
	char text[DIGEST_TEXT_SIZE];
	json_writer_text(writer, "digest", digest_text(digest, text));
}

static void say_layers(const struct view_session *session)
{
	for (size_t i = 0; i < session->view.layers.count; i++) {
		const struct msg_layer *layer = &session->view.layers.items[i];
		char label[LAYER_LABEL_SIZE];
		char files[HUMAN_TEXT_SIZE];
		char size[HUMAN_TEXT_SIZE];
		report_line(session->report, "  layer %.*s  %s  %s, %s",
			    (int)layer->layer.len, layer->layer.at,
			    layer_label(layer, label, sizeof(label)),
			    human_things(layer->files, "file", files),
			    human_size(layer->bytes, size));
	}
}

static void say_digest_and_layers(const struct view_session *session)
{
	char digest[DIGEST_TEXT_SIZE];
	report_line(session->report, "  digest %s",
		    digest_text(&session->view.digest, digest));
	say_layers(session);
}

static void attach_json(const struct view_session *session,
			const struct attach_figures *figures, struct json_writer *writer)
{
	const struct totals *totals = &session->view.totals;
	put_digest(writer, &session->view.digest);
	view_session_json(session, writer);
	json_writer_unsigned(writer, "files", totals->files);
	json_writer_unsigned(writer, "directories", totals->directories);
	json_writer_unsigned(writer, "symlinks", totals->symlinks);
	json_writer_unsigned(writer, "bytes", totals->bytes);
	json_writer_unsigned(writer, "received_bytes",
			     session->connection.link.received_bytes);
	json_writer_unsigned(writer, "written_files", figures->counts.written);
	json_writer_unsigned(writer, "unchanged_files", figures->counts.unchanged);
	json_writer_unsigned(writer, "kept_existing", figures->counts.kept);
	report_json_warnings(session->report);
	json_writer_unsigned(writer, "elapsed_ms", clock_now_ms() - figures->started_ms);
}

void attach_report(const struct options *options, const struct view_session *session,
		   const struct attach_figures *figures)
{
	struct json_writer *writer = report_json(session->report);
	if (writer) {
		attach_json(session, figures, writer);
		return;
	}
	const struct totals *totals = &session->view.totals;
	char files[HUMAN_TEXT_SIZE];
	char size[HUMAN_TEXT_SIZE];
	char written[HUMAN_TEXT_SIZE];
	char unchanged[HUMAN_TEXT_SIZE];
	char number[HUMAN_TEXT_SIZE];
	char kept[HUMAN_TEXT_SIZE + sizeof(", kept  existing")] = "";
	char received[HUMAN_TEXT_SIZE];
	char seconds[HUMAN_TEXT_SIZE];
	char *directory AUTO_FREE =
		escape_encode(options->directory, strlen(options->directory));
	if (options->keep_existing)
		(void)snprintf(kept, sizeof(kept), ", kept %s existing",
			       human_count(figures->counts.kept, number));
	report_line(
		session->report,
		"attached %s, %s, to `%s`: %s written, %s unchanged%s, %s received, %s",
		human_things(totals->files, "file", files),
		human_size(totals->bytes, size), directory,
		human_count(figures->counts.written, written),
		human_count(figures->counts.unchanged, unchanged), kept,
		human_size(session->connection.link.received_bytes, received),
		human_seconds(clock_now_ms() - figures->started_ms, seconds));
	say_digest_and_layers(session);
}

/* ---- path by path, and dry run ---- */

struct dry {
	struct report *report; /* borrowed */
	bool verbose;
	uint64_t counts[3]; /* by enum destination_action */
};

static void on_path(void *context, enum destination_action action, const char *path)
{
	static const char *const words[] = {
		[DESTINATION_WRITE] = "write",
		[DESTINATION_KEEP] = "keep",
		[DESTINATION_DELETE] = "delete",
	};
	struct dry *dry = context;
	dry->counts[action]++;
	if (dry->verbose)
		report_line(dry->report, "%-6s %s", words[action], path);
}

static void dry_json(const struct view_session *session, const struct dry *dry,
		     struct json_writer *writer)
{
	json_writer_boolean(writer, "dry_run", true);
	put_digest(writer, &session->view.digest);
	view_session_json(session, writer);
	json_writer_unsigned(writer, "files", session->view.totals.files);
	json_writer_unsigned(writer, "bytes", session->view.totals.bytes);
	json_writer_unsigned(writer, "would_write", dry->counts[DESTINATION_WRITE]);
	json_writer_unsigned(writer, "would_keep", dry->counts[DESTINATION_KEEP]);
	json_writer_unsigned(writer, "would_delete", dry->counts[DESTINATION_DELETE]);
	report_json_warnings(session->report);
}

int attach_report_paths(const struct options *options, const struct view_session *session,
			struct destination *destination, struct error *error)
{
	struct dry dry = {.report = session->report, .verbose = true};
	if (!options->verbose || report_is_json(session->report))
		return 0;
	return destination_list(destination, on_path, &dry, error);
}

int attach_report_dry(const struct options *options, const struct view_session *session,
		      struct destination *destination, struct error *error)
{
	struct dry dry = {.report = session->report, .verbose = options->verbose};
	int err = destination_list(destination, on_path, &dry, error);
	if (err)
		return err;
	struct json_writer *writer = report_json(session->report);
	if (writer) {
		dry_json(session, &dry, writer);
		return 0;
	}
	char *directory AUTO_FREE =
		escape_encode(options->directory, strlen(options->directory));
	char written[HUMAN_TEXT_SIZE], kept[HUMAN_TEXT_SIZE], deleted[HUMAN_TEXT_SIZE];
	report_line(session->report,
		    "would write %s, keep %s and delete %s in `%s`; nothing was done",
		    human_things(dry.counts[DESTINATION_WRITE], "entry", written),
		    human_count(dry.counts[DESTINATION_KEEP], kept),
		    human_count(dry.counts[DESTINATION_DELETE], deleted), directory);
	say_digest_and_layers(session);
	return 0;
}
