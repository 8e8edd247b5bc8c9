/* What a persist takes from the stat record, and writes into the next one. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/commands/persist/session.h"
#include "client/record/pass.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"

void persist_record_open(struct persist *persist)
{
	if (!persist->options->no_stat_record)
		persist->record = record_open(persist->selection.root_fd);
}

/* ---- the base ---- */

void persist_record_base(const struct persist *persist, char ret_text[LAYER_ID_TEXT_SIZE])
{
	ret_text[0] = '\0';
	if (persist->record && record_base(persist->record)->known)
		hex_encode(record_base(persist->record)->layer, LAYER_ID_LEN, ret_text);
}

bool persist_record_root(const struct persist *persist, struct text base_root,
			 struct root *ret_root)
{
	struct error ignored;
	if (!persist->record || !record_base(persist->record)->known ||
	    base_root.len == 0)
		return false;
	struct digest digest = sha256_of(base_root.at, base_root.len);
	return digest_equal(&digest, &record_base(persist->record)->digest) &&
	       root_decode(base_root.at, base_root.len, ret_root, &ignored) == 0;
}

/* ---- writing ---- */

/* Writing all that the upload found into a new record. */
struct writing {
	const struct upload_result *upload; /* borrowed */
	const struct record *record;        /* borrowed; the earlier one; NULL: none */
	struct record_pass pass;
};

static void add_units(struct writing *writing, const struct entry *entry)
{
	for (uint32_t i = 0; i < entry->unit_count; i++) {
		struct unit_name name =
			units_name(writing->upload->units, entry_units(entry)[i]);
		record_pass_add_unit(&writing->pass, &name);
	}
}

static uint64_t inode_of(const struct writing *writing, const struct entry *entry)
{
	if (!entry->is_recorded)
		return entry->inode;
	return record_get(writing->record, entry->record).stamp.inode;
}

static void add_entry(struct writing *writing, uint32_t number)
{
	const struct entry *entry = tree_entry(&writing->upload->tree, number);
	bool is_file = entry->type == ROW_FILE;
	bool trusted = entry->changed_ns != 0 && (!is_file || entry->is_known);
	struct record_entry recorded = {
		.name = entry->name,
		.name_len = entry->name_len,
		.type = entry->type,
		.mode = entry->mode,
		.trusted = trusted,
		.in_base = entry->is_row,
		.stamp = {.inode = inode_of(writing, entry),
			  .modified = {entry->seconds, entry->nanoseconds},
			  .changed_ns = entry->changed_ns},
	};
	if (is_file && trusted) {
		recorded.size = entry->size;
		add_units(writing, entry);
	}
	if (entry->type == ROW_DIRECTORY)
		recorded.listed = trusted && entry->listed;
	if (entry->type == ROW_SYMLINK) {
		recorded.target = entry->target;
		recorded.target_len = strlen(entry->target);
	}
	record_pass_add(&writing->pass, number, entry->parent, &recorded);
}

/* Whether a new record would say no more than the one there is. */
static bool says_nothing_new(const struct persist *persist,
			     const struct upload_result *upload, bool base_held)
{
	if (!persist->record || !base_held || upload->beyond_base)
		return false;
	for (uint32_t i = 0; i < upload->tree.count; i++)
		if (!tree_entry(&upload->tree, i)->is_recorded)
			return false;
	return true;
}

static void tell_unwritten(const struct persist *persist)
{
	if (persist->options->verbose)
		report_note(persist->report, "no stat record was written: %s",
			    strerror(errno));
}

void persist_record_begin(struct persist *persist, const struct upload_result *upload,
			  bool base_held)
{
	record_writer_free(take_ptr(&persist->record_writer));
	if (persist->options->no_stat_record ||
	    says_nothing_new(persist, upload, base_held))
		return;
	struct record_writer *writer =
		record_writer_new(persist->selection.root_fd, persist->record, NULL);
	if (!writer) {
		tell_unwritten(persist);
		return;
	}
	struct writing writing = {.upload = upload, .record = persist->record};
	record_pass_init(&writing.pass, writer, upload->tree.count);
	for (uint32_t i = 0; i < upload->tree.count; i++)
		add_entry(&writing, i);
	record_writer_end(writer);
	persist->record_writer = take_ptr(&writing.pass.writer);
	record_pass_fini(&writing.pass);
}

void persist_record_end(struct persist *persist, const struct persist_outcome *outcome)
{
	if (!persist->record_writer || !outcome->has_upload || outcome->again)
		return;
	struct record_base base = {.digest = outcome->upload.digest,
				   .aligned = !persist->prefix || !*persist->prefix};
	struct text layer = outcome->committed.layer.layer;
	char text[LAYER_ID_TEXT_SIZE] = "";
	if (layer.len < sizeof(text))
		memcpy(text, layer.at, layer.len);
	base.known = hex_decode(text, LAYER_ID_LEN, base.layer);
	if (record_writer_commit(persist->record_writer, &base) != 0)
		tell_unwritten(persist);
}
