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
	json_writer_text(writer, "state", layer_state_text(subject->view.states[layer]));
}

void describe_after(struct json_writer *writer, const struct subject *subject,
		    uint32_t position)
{
	const struct view_layer *layers = subject->view.layers;
	json_writer_array_begin(writer, "after");
	for (size_t i = 0; position != VIEW_NONE && i < layers[position].after_count;
	     i++) {
		char id[LAYER_ID_TEXT_SIZE];
		uint32_t before = layers[layers[position].after[i]].layer;
		layer_id_text(subject->history.records[before].name, id);
		json_writer_text(writer, NULL, id);
	}
	json_writer_array_end(writer);
}
