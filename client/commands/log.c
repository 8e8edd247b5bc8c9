/* log: the layers of a workflow in order, as a table or as JSON. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "client/commands/command.h"
#include "client/question/how.h"
#include "client/terminal/terminal.h"
#include "client/view/left_out.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "proto/unit/digest.h"

/* Digits of a layer's id in the table. */
#define SHORT_ID_LEN 8
#define ISO_TIME_SIZE 40

/* An answer that is being received; it may come in several messages. */
struct layer_listing {
	const struct options *options;
	struct report *report;
	struct terminal_colours colours;
	uint64_t layers; /* so far */
};

/* "2026-11-20T11:54:46.123Z"; empty where the year has more than four digits. */
static const char *iso_time(uint64_t unix_ms, char ret_text[ISO_TIME_SIZE])
{
	time_t seconds = (time_t)(unix_ms / 1000);
	struct tm parts;
	ret_text[0] = '\0';
	if (!gmtime_r(&seconds, &parts) || parts.tm_year > 9999 - 1900)
		return ret_text;
	size_t len = strftime(ret_text, ISO_TIME_SIZE, "%Y-%m-%dT%H:%M:%S", &parts);
	(void)snprintf(ret_text + len, ISO_TIME_SIZE - len, ".%03uZ",
		       (unsigned)(unix_ms % 1000));
	return ret_text;
}

/* ---- for programs ------------------------------------------------------------------ */

static void write_text(struct json_writer *writer, const char *name, struct text text)
{
	json_writer_text_len(writer, name, text.at ? text.at : "", text.len);
}

static void write_digest(struct json_writer *writer, struct text text)
{
	struct digest digest = {0};
	char room[DIGEST_TEXT_SIZE];
	if (text.len == sizeof(digest.bytes))
		memcpy(digest.bytes, text.at, text.len);
	json_writer_text(writer, "digest", text.len ? digest_text(&digest, room) : NULL);
}

static void write_counts(struct json_writer *writer, const struct msg_layer *layer)
{
	char created[ISO_TIME_SIZE];
	json_writer_unsigned(writer, "sequence", layer->sequence);
	json_writer_unsigned(writer, "files", layer->files);
	json_writer_unsigned(writer, "directories", layer->directories);
	json_writer_unsigned(writer, "symlinks", layer->symlinks);
	json_writer_unsigned(writer, "bytes", layer->bytes);
	json_writer_unsigned(writer, "created_ms", layer->created_ms);
	json_writer_text(writer, "created", iso_time(layer->created_ms, created));
	json_writer_boolean(writer, "inherited", layer->inherited);
	json_writer_text(writer, "tier", layer->tier.len ? "untrusted" : "trusted");
}

static void write_layer(struct json_writer *writer, const struct msg_layer *layer)
{
	json_writer_object_begin(writer, NULL);
	write_text(writer, "layer", layer->layer);
	write_digest(writer, layer->digest);
	write_text(writer, "workflow", layer->workflow);
	write_text(writer, "run", layer->run);
	write_text(writer, "job", layer->job);
	write_text(writer, "shard", layer->shard);
	write_text(writer, "attempt", layer->attempt);
	write_counts(writer, layer);
	write_text(writer, "state", layer->state);
	write_text(writer, "reason", layer->reason);
	json_writer_array_begin(writer, "after");
	for (size_t i = 0; i < layer->after.count; i++)
		write_text(writer, NULL, layer->after.items[i]);
	json_writer_array_end(writer);
	json_writer_object_end(writer);
}

/* ---- for people -------------------------------------------------------------------- */

static void put(struct buffer *line, const char *before, struct text text)
{
	buffer_put(line, before, strlen(before));
	buffer_put(line, text.at, text.len);
}

/* Names a run or attempt if it is not the first. */
static void put_which(struct buffer *line, const char *before, struct text which)
{
	if (which.len > 0 && !text_is(which, "1"))
		put(line, before, which);
}

/* "build 3/10 run 2 attempt 2" */
static void put_execution(struct buffer *line, const struct msg_layer *layer)
{
	put(line, "", layer->job);
	put(line, layer->shard.len > 0 ? " " : "", layer->shard);
	put_which(line, " run ", layer->run);
	put_which(line, " attempt ", layer->attempt);
	put(line, layer->tier.len > 0 ? " " : "", layer->tier);
	buffer_put_u8(line, '\0');
}

static struct text short_id(struct text id)
{
	return (struct text){id.at, id.len < SHORT_ID_LEN ? id.len : SHORT_ID_LEN};
}

static bool is_visible(const struct msg_layer *layer)
{
	return layer->state.len == 0 || text_is(layer->state, "visible");
}

/* Says why a view lacks the layer, if it does, and what it came after. */
static void put_story(struct buffer *line, const struct msg_layer *layer)
{
	if (layer->inherited)
		put(line, "  inherited from ", layer->workflow);
	/* A reason names the state as well. */
	struct text why = layer->reason.len > 0 ? layer->reason : layer->state;
	if (!is_visible(layer))
		put(line, "  ", why);
	for (size_t i = 0; i < layer->after.count; i++)
		put(line, i == 0 ? "  after " : ", ", short_id(layer->after.items[i]));
	buffer_put_u8(line, '\0');
}

static void print_layer(const struct layer_listing *listing,
			const struct msg_layer *layer)
{
	struct buffer who AUTO(buffer_fini) = {0};
	struct buffer story AUTO(buffer_fini) = {0};
	put_execution(&who, layer);
	put_story(&story, layer);
	char files[HUMAN_TEXT_SIZE], size[HUMAN_TEXT_SIZE], created[ISO_TIME_SIZE];
	bool gone = !is_visible(layer);
	struct text id = short_id(layer->layer);
	report_answer(listing->report, "%s%.*s  %-20s %9s %-5s %9s  %.19sZ%s%s",
		      gone ? listing->colours.dim : "", (int)id.len, id.at,
		      (const char *)who.at, human_count(layer->files, files),
		      layer->files == 1 ? "file" : "files",
		      human_size(layer->bytes, size),
		      iso_time(layer->created_ms, created), (const char *)story.at,
		      gone ? listing->colours.plain : "");
}

/* ---- the exchange ------------------------------------------------------------------ */

static const char *workflow_of(const struct options *options)
{
	return options->from_workflow ? options->from_workflow : options->workflow.value;
}

static void begin(struct layer_listing *listing, const struct msg_log_reply *first)
{
	struct json_writer *writer = report_json(listing->report);
	if (writer) {
		json_writer_text(writer, "workflow", workflow_of(listing->options));
		if (first->parent.len > 0)
			write_text(writer, "parent", first->parent);
		else
			json_writer_null(writer, "parent");
		json_writer_array_begin(writer, "layers");
	} else if (first->parent.len > 0) {
		report_note(listing->report, "%s retries %.*s",
			    workflow_of(listing->options), (int)first->parent.len,
			    first->parent.at);
	}
	for (size_t i = 0; i < first->warnings.count; i++)
		report_warning(listing->report, "%.*s", (int)first->warnings.items[i].len,
			       first->warnings.items[i].at);
	left_out_warn(listing->report, &first->left_out, first->left_out_count);
}

static void end(struct layer_listing *listing)
{
	struct json_writer *writer = report_json(listing->report);
	if (writer) {
		json_writer_array_end(writer);
		report_json_warnings(listing->report);
	} else if (listing->layers == 0)
		report_note(listing->report, "%s has no %slayers",
			    workflow_of(listing->options),
			    listing->options->all ? "" : "visible ");
}

static void list(struct layer_listing *listing, const struct msg_log_reply *part)
{
	struct json_writer *writer = report_json(listing->report);
	for (size_t i = 0; i < part->layers.count; i++) {
		if (writer)
			write_layer(writer, &part->layers.items[i]);
		else
			print_layer(listing, &part->layers.items[i]);
	}
	listing->layers += part->layers.count;
}

static int take_part(struct link *link, struct layer_listing *listing, bool is_first,
		     bool *ret_more, struct error *error)
{
	struct link_message message = {0};
	int err = link_expect(link, MSG_LOG_REPLY, &message, error);
	if (err < 0)
		return err;
	uint8_t *payload AUTO_FREE = message.payload;
	struct message_memory memory AUTO(message_memory_fini) = {0};
	struct msg_log_reply part;
	err = message_decode(&memory, MSG_LOG_REPLY, payload, message.len, &part, error);
	if (err < 0)
		return err;
	if (is_first)
		begin(listing, &part);
	list(listing, &part);
	*ret_more = part.more;
	return 0;
}

static int take_all(struct link *link, struct layer_listing *listing, struct error *error)
{
	bool more = true;
	for (bool is_first = true; more; is_first = false) {
		int err = take_part(link, listing, is_first, &more, error);
		if (err < 0)
			return err;
	}
	end(listing);
	return 0;
}

int log_run(const struct options *options, struct report *report, struct error *error)
{
	struct text *needs AUTO_FREE = NULL;
	struct msg_log message = {
		.from_workflow = text_of(options->from_workflow),
		.all = options->all,
		.tier = text_of(options->untrusted ? "untrusted" : NULL),
	};
	int err = options_identity(options, false, &message.identity, &needs, error);
	if (err < 0)
		return err;
	struct connection connection AUTO(connection_close) = {0};
	struct connection_request request = {MSG_LOG, &message};
	struct connection_how how = how_to_connect(options);
	err = connection_open(&how, connection_patience(&how), &request, &connection,
			      error);
	if (err < 0)
		return err;
	connection_keep_alive(&connection);
	struct layer_listing listing = {
		.options = options,
		.report = report,
		.colours = terminal_colours_of(stdout),
	};
	return take_all(&connection.link, &listing, error);
}
