#include "daemon/store/transaction/commit_fields.h"

#include <string.h>

#include "daemon/store/database/id_set.h"
#include "daemon/store/database/row.h"
#include "proto/bounds.h"

/* ---- values ---------------------------------------------------------------------- */

static void put_text(struct buffer *out, struct text text)
{
	buffer_put_varint(out, text.len);
	buffer_put(out, text.at, text.len);
}

static struct text take_bytes(struct reader *in)
{
	uint64_t len = reader_varint(in);
	if (in->failed || len > in->left) {
		in->failed = true;
		return (struct text){0};
	}
	return (struct text){(const char *)reader_bytes(in, (size_t)len), (size_t)len};
}

/* As peers may give them. */
static struct text take_label(struct reader *in)
{
	struct text text = take_bytes(in);
	in->failed = in->failed || text.len > NAME_LEN_MAX || !text_is_clean(text);
	return text;
}

static struct text take_name(struct reader *in)
{
	struct text text = take_label(in);
	in->failed = in->failed || text.len == 0;
	return text;
}

static int64_t take_up_to(struct reader *in, int64_t least, int64_t most)
{
	uint64_t number = reader_varint(in);
	if (number < (uint64_t)least || number > (uint64_t)most)
		in->failed = true;
	return in->failed ? least : (int64_t)number;
}

static int64_t take_id(struct reader *in)
{
	return take_up_to(in, 1, INT64_MAX - 1);
}

static uint64_t take_amount(struct reader *in)
{
	return (uint64_t)take_up_to(in, 0, INT64_MAX);
}

static int64_t take_time(struct reader *in)
{
	return take_up_to(in, 0, ROW_TIME_MAX);
}

static struct text take_set(struct text bytes, struct reader *in)
{
	struct id_set_reader set = {.bytes = reader_of(bytes.at, bytes.len)};
	for (int64_t id; id_set_next(&set, &id);)
		;
	in->failed = in->failed || set.bytes.failed;
	return bytes;
}

static bool is_over(const struct reader *in)
{
	return !in->failed && in->left == 0;
}

/* ---- the layer's row ------------------------------------------------------------- */

static void put_name(struct buffer *out, const struct layer_facts *layer)
{
	buffer_put(out, layer->name, LAYER_ID_LEN);
}

static bool take_layer_name(struct reader in, struct layer_facts *layer)
{
	reader_copy(&in, layer->name, LAYER_ID_LEN);
	return is_over(&in);
}

static void put_number(struct buffer *out, const struct layer_facts *layer)
{
	buffer_put_varint(out, (uint64_t)layer->id);
	buffer_put_varint(out, layer->sequence);
	buffer_put_varint(out, (uint64_t)layer->created_ms);
}

static bool take_number(struct reader in, struct layer_facts *layer)
{
	layer->id = take_id(&in);
	layer->sequence = (uint32_t)take_up_to(&in, 1, UINT32_MAX);
	layer->created_ms = take_time(&in);
	return is_over(&in);
}

static void put_key(struct buffer *out, const struct layer_facts *layer)
{
	buffer_put(out, layer->key, KEY_LEN);
}

static bool take_key(struct reader in, struct layer_facts *layer)
{
	reader_copy(&in, layer->key, KEY_LEN);
	return is_over(&in);
}

static void put_digests(struct buffer *out, const struct layer_facts *layer)
{
	buffer_put(out, layer->digest.bytes, SHA256_LEN);
	buffer_put(out, layer->content.bytes, SHA256_LEN);
}

static bool take_digests(struct reader in, struct layer_facts *layer)
{
	reader_copy(&in, layer->digest.bytes, SHA256_LEN);
	reader_copy(&in, layer->content.bytes, SHA256_LEN);
	return is_over(&in);
}

static void put_counts(struct buffer *out, const struct layer_facts *layer)
{
	buffer_put_varint(out, layer->totals.files);
	buffer_put_varint(out, layer->totals.directories);
	buffer_put_varint(out, layer->totals.symlinks);
	buffer_put_varint(out, layer->totals.bytes);
	buffer_put_varint(out, layer->totals.units);
	buffer_put_varint(out, layer->new_bytes);
	buffer_put_varint(out, layer->stored_bytes);
}

static bool take_counts(struct reader in, struct layer_facts *layer)
{
	layer->totals.files = take_amount(&in);
	layer->totals.directories = take_amount(&in);
	layer->totals.symlinks = take_amount(&in);
	layer->totals.bytes = take_amount(&in);
	layer->totals.units = take_amount(&in);
	layer->new_bytes = take_amount(&in);
	layer->stored_bytes = take_amount(&in);
	return is_over(&in);
}

static void put_place(struct buffer *out, const struct stored_place *place)
{
	buffer_put(out, place->segment.bytes, SEGMENT_ID_LEN);
	buffer_put_varint(out, place->offset);
}

static void take_place(struct reader *in, struct stored_place *ret_place)
{
	reader_copy(in, ret_place->segment.bytes, SEGMENT_ID_LEN);
	ret_place->offset = (uint64_t)take_up_to(in, 0, ROW_OFFSET_MAX);
}

static void put_places(struct buffer *out, const struct layer_facts *layer)
{
	put_place(out, &layer->root);
	put_place(out, &layer->placement);
}

static bool take_places(struct reader in, struct layer_facts *layer)
{
	take_place(&in, &layer->root);
	take_place(&in, &layer->placement);
	return is_over(&in);
}

static void put_bases(struct buffer *out, const struct layer_facts *layer)
{
	buffer_put(out, layer->bases.at, layer->bases.len);
}

static bool take_bases(struct reader in, struct layer_facts *layer)
{
	struct text set = {(const char *)in.at, in.left};
	layer->bases = take_set(set, &in);
	return !in.failed;
}

/* ---- its workflow ---------------------------------------------------------------- */

static void put_any_workflow(struct buffer *out, const struct workflow_facts *workflow)
{
	if (!workflow->id)
		return;
	buffer_put_varint(out, (uint64_t)workflow->id);
	put_text(out, workflow->name);
	buffer_put_varint(out, (uint64_t)workflow->created_ms);
	buffer_put_varint(out, (uint64_t)workflow->namespace_id);
	put_text(out, workflow->namespace);
	buffer_put_varint(out, (uint64_t)workflow->namespace_created_ms);
	buffer_put_varint(out, workflow->tier);
}

static bool take_any_workflow(struct reader in, struct workflow_facts *ret_workflow)
{
	*ret_workflow = (struct workflow_facts){.id = take_id(&in)};
	ret_workflow->name = take_name(&in);
	ret_workflow->created_ms = take_time(&in);
	ret_workflow->namespace_id = take_id(&in);
	ret_workflow->namespace = take_name(&in);
	ret_workflow->namespace_created_ms = take_time(&in);
	ret_workflow->tier = (enum tier)take_up_to(&in, TIER_TRUSTED, TIER_UNTRUSTED);
	return is_over(&in);
}

static void put_workflow(struct buffer *out, const struct layer_facts *layer)
{
	put_any_workflow(out, &layer->workflow);
}

static bool take_workflow(struct reader in, struct layer_facts *layer)
{
	return take_any_workflow(in, &layer->workflow);
}

static void put_parent(struct buffer *out, const struct layer_facts *layer)
{
	put_any_workflow(out, &layer->parent);
}

static bool take_parent(struct reader in, struct layer_facts *layer)
{
	return take_any_workflow(in, &layer->parent);
}

static void put_inherited(struct buffer *out, const struct layer_facts *layer)
{
	buffer_put(out, layer->inherited.at, layer->inherited.len);
}

static bool take_inherited(struct reader in, struct layer_facts *layer)
{
	struct text set = {(const char *)in.at, in.left};
	layer->inherited = take_set(set, &in);
	return !in.failed;
}

/* ---- executions ------------------------------------------------------------------ */

void commit_fields_put_execution(struct buffer *out,
				 const struct execution_facts *execution)
{
	buffer_put_varint(out, (uint64_t)execution->id);
	buffer_put_varint(out, (uint64_t)execution->origin);
	buffer_put_varint(out, (uint64_t)execution->run_heard);
	put_text(out, execution->run);
	put_text(out, execution->job);
	put_text(out, execution->shard);
	put_text(out, execution->attempt);
	put_text(out, execution->execution);
	put_text(out, execution->attached);
	buffer_put_u8(out, execution->has_needs);
	for (size_t i = 0; i < execution->needs.count; i++)
		put_text(out, execution->needs.items[i]);
}

static void take_needs(struct reader *in, struct arena *memory,
		       struct execution_facts *execution)
{
	struct arena_list needs = {0};
	while (in->left > 0 && !in->failed && needs.count < NEEDS_MAX)
		*(struct text *)arena_list_add(memory, &needs, sizeof(struct text)) =
			take_name(in);
	execution->needs = (struct text_list){needs.items, needs.count};
}

static bool take_any_execution(struct reader in, struct arena *memory,
			       struct execution_facts *ret_execution)
{
	*ret_execution = (struct execution_facts){.id = take_id(&in)};
	ret_execution->origin = take_up_to(&in, 0, ret_execution->id - 1);
	ret_execution->run_heard = take_id(&in);
	ret_execution->run = take_name(&in);
	ret_execution->job = take_name(&in);
	ret_execution->shard = take_label(&in);
	ret_execution->attempt = take_name(&in);
	ret_execution->execution = take_label(&in);
	ret_execution->attached = take_set(take_bytes(&in), &in);
	ret_execution->has_needs = take_up_to(&in, 0, 1) != 0;
	take_needs(&in, memory, ret_execution);
	return is_over(&in);
}

static void put_execution(struct buffer *out, const struct layer_facts *layer)
{
	commit_fields_put_execution(out, &layer->execution);
}

static bool take_execution(struct reader in, struct layer_facts *layer)
{
	return take_any_execution(in, &layer->memory, &layer->execution) &&
	       layer->execution.origin == 0;
}

bool commit_fields_take_others(struct reader in, struct layer_facts *layer)
{
	struct arena_list others = {0};
	layer->others_in_all = take_amount(&in);
	while (in.left > 0 && !in.failed) {
		struct text one = take_bytes(&in);
		struct execution_facts *other =
			arena_list_add(&layer->memory, &others, sizeof(*other));
		in.failed = in.failed || !take_any_execution(reader_of(one.at, one.len),
							     &layer->memory, other);
	}
	layer->others = others.items;
	layer->other_count = others.count;
	return !in.failed;
}

/* ---- the table ------------------------------------------------------------------- */

const struct commit_field_row commit_fields[] = {
	{COMMIT_FIELD_NAME, put_name, take_layer_name},
	{COMMIT_FIELD_NUMBER, put_number, take_number},
	{COMMIT_FIELD_KEY, put_key, take_key},
	{COMMIT_FIELD_DIGESTS, put_digests, take_digests},
	{COMMIT_FIELD_COUNTS, put_counts, take_counts},
	{COMMIT_FIELD_PLACES, put_places, take_places},
	{COMMIT_FIELD_BASES, put_bases, take_bases},
	{COMMIT_FIELD_WORKFLOW, put_workflow, take_workflow},
	{COMMIT_FIELD_PARENT, put_parent, take_parent},
	{COMMIT_FIELD_INHERITED, put_inherited, take_inherited},
	{COMMIT_FIELD_EXECUTION, put_execution, take_execution},
};
const size_t commit_field_count = sizeof(commit_fields) / sizeof(commit_fields[0]);

bool commit_fields_are_whole(const struct layer_facts *layer)
{
	static const uint8_t nothing[SHA256_LEN];
	return layer->sequence > 0 && layer->workflow.id > 0 && layer->execution.id > 0 &&
	       memcmp(layer->digest.bytes, nothing, SHA256_LEN) != 0 &&
	       layer->root.offset > 0 && layer->placement.offset > 0;
}
