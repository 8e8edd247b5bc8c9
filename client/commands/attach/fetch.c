#include "client/commands/attach/session.h"
#include "client/download/download.h"
#include "client/download/want.h"
#include "proto/base/cleanup.h"

static void add_needed(const struct attach *attach, struct want *want,
		       uint64_t *ret_files, uint64_t *ret_bytes)
{
	const struct view_table *table = &attach->table;
	for (uint32_t entry = 1; entry < table->entry_count; entry++) {
		const struct view_entry *at = &table->entries[entry];
		if (at->type != ROW_FILE ||
		    !destination_needs(attach->destination, entry))
			continue;
		for (uint32_t i = 0; i < at->unit_count; i++)
			want_add(want, at->first_unit + i);
		*ret_files += at->unit_count > 0;
		*ret_bytes += view_table_size(table, entry);
	}
}

static uint32_t count_needed(const struct attach *attach)
{
	uint32_t needed = 0;
	for (uint32_t entry = 1; entry < attach->table.entry_count; entry++)
		if (attach->table.entries[entry].type == ROW_FILE &&
		    destination_needs(attach->destination, entry))
			needed += attach->table.entries[entry].unit_count;
	return needed;
}

/* A download_sink. */
static int on_unit(void *context, unsigned worker, uint32_t mention, const uint8_t *bytes,
		   struct error *error)
{
	struct attach *attach = context;
	int err = destination_unit(attach->destination, worker, mention, bytes, error);
	const struct view_unit *unit = &attach->table.units[mention];
	const struct view_entry *file = &attach->table.entries[unit->entry];
	bool last = mention == file->first_unit + file->unit_count - 1;
	progress_add(attach->progress, last, unit->name.key.len);
	return err;
}

/* It asks before it makes directories, so that the daemon works at the same time. */
int attach_fetch(struct attach *attach, struct error *error)
{
	struct want want AUTO(want_fini) = {0};
	uint64_t files = 0;
	uint64_t bytes = 0;
	struct link *link = &attach->session.connection.link;
	uint32_t needed = count_needed(attach);
	want_init(&want, &attach->table, 0, attach->table.unit_count, needed);
	add_needed(attach, &want, &files, &bytes);
	progress_set_total(attach->progress, files, bytes);
	int err = want.wanted ? want_send(&want, link, error) : 0;
	if (!err)
		err = destination_begin(attach->destination, error);
	struct download_sink sink = {.on_unit = on_unit, .context = attach};
	if (!err && want.wanted)
		err = download_run(link, &want, &sink, attach->options->verify, error);
	return err;
}
