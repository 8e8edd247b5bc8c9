#include "daemon/http/resource/describe.h"

#include <stdio.h>
#include <time.h>

#include "daemon/access/grant/tier.h"
#include "proto/unit/digest.h"

void describe_time(struct json_writer *writer, const char *name, int64_t unix_ms)
{
	time_t seconds = (time_t)(unix_ms / 1000);
	struct tm parts = {0};
	char text[40], moment[32];
	if (unix_ms == 0) {
		json_writer_null(writer, name);
		return;
	}
	(void)gmtime_r(&seconds, &parts);
	(void)strftime(moment, sizeof(moment), "%Y-%m-%dT%H:%M:%S", &parts);
	(void)snprintf(text, sizeof(text), "%s.%03dZ", moment, (int)(unix_ms % 1000));
	json_writer_text(writer, name, text);
}

static const char *state_text(const struct subject *subject, uint32_t layer)
{
	switch (subject->view.states[layer]) {
	case LAYER_VISIBLE:
		return "visible";
	case LAYER_REPLACED:
		return "replaced";
	case LAYER_LATE:
		return "late";
	case LAYER_STALE:
		return "stale";
	default:
		return "hidden";
	}
}

static void put_execution(struct json_writer *writer, const struct layer_record *record)
{
	json_writer_text(writer, "workflow", record->workflow);
	json_writer_text(writer, "run", record->run);
	json_writer_text(writer, "job", record->job);
	json_writer_text(writer, "shard", *record->shard ? record->shard : NULL);
	json_writer_text(writer, "attempt", record->attempt);
	json_writer_unsigned(writer, "sequence", record->sequence);
	json_writer_text(writer, "tier", tier_text(record->tier));
}

static void put_figures(struct json_writer *writer, const struct layer_record *record)
{
	json_writer_unsigned(writer, "files", record->totals.files);
	json_writer_unsigned(writer, "directories", record->totals.directories);
	json_writer_unsigned(writer, "symlinks", record->totals.symlinks);
	json_writer_unsigned(writer, "bytes", record->totals.bytes);
	json_writer_unsigned(writer, "new_bytes", record->new_bytes);
	json_writer_unsigned(writer, "stored_bytes", record->stored_bytes);
}

void describe_layer(struct json_writer *writer, const struct subject *subject,
		    uint32_t layer)
{
	const struct layer_record *record = &subject->history.records[layer];
	char id[LAYER_ID_TEXT_SIZE], digest[DIGEST_TEXT_SIZE];
	layer_id_text(record->name, id);
	json_writer_text(writer, "layer", id);
	put_execution(writer, record);
	json_writer_text(writer, "digest", digest_text(&record->digest, digest));
	put_figures(writer, record);
	describe_time(writer, "created", record->created_ms);
	json_writer_boolean(writer, "inherited", record->inherited);
	json_writer_text(writer, "state", state_text(subject, layer));
}

/* Position in the view; the view's count where it is not there. */
static uint32_t view_position(const struct view *view, uint32_t layer)
{
	uint32_t at = 0;
	while (at < view->layer_count && view->layers[at].layer != layer)
		at++;
	return at;
}

void describe_after(struct json_writer *writer, const struct subject *subject,
		    uint32_t layer)
{
	const struct view *view = &subject->view;
	uint32_t at = view_position(view, layer);
	json_writer_array_begin(writer, "after");
	for (size_t i = 0; at < view->layer_count && i < view->layers[at].after_count;
	     i++) {
		char id[LAYER_ID_TEXT_SIZE];
		uint32_t before = view->layers[view->layers[at].after[i]].layer;
		layer_id_text(subject->history.records[before].name, id);
		json_writer_text(writer, NULL, id);
	}
	json_writer_array_end(writer);
}
