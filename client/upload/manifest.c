/* The end of an upload: rows in order, cut into pieces, which are asked about and sent
 * like other units. Rows are made as early as they can be, while later files are still
 * read: at the end there should be little left that one core does alone. */
#include <string.h>

#include "client/upload/internal.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"

/* A small tree of which the daemon lacked something is one piece, or a few, and what
 * names a new unit is new itself: a question would cost more than it saves. */
static int on_piece(void *context, const struct root_piece *piece, const uint8_t *bytes,
		    size_t len, struct error *error)
{
	struct upload *upload = context;
	if (upload_base_has(upload, &piece->name))
		return 0;
	struct batch *batch = upload_lease(upload);
	if (!batch)
		return flow_check(&upload->flow, error);
	batch->kind = FRAME_PIECE;
	memcpy(batch->data, bytes, len);
	batch_add(batch, units_add(upload->units, &piece->name), &piece->name.key);
	if (flow_is_alone(&upload->flow) && upload->has_sent)
		return upload_send(upload->own, batch, error);
	return upload_ask(upload, batch, error);
}

void row_maker_init(struct row_maker *maker, struct upload *upload)
{
	*maker = (struct row_maker){.upload = upload, .directory = NO_DIRECTORY};
	piece_writer_init(&maker->writer, (struct piece_sink){on_piece, upload});
}

void row_maker_fini(struct row_maker *maker)
{
	piece_writer_fini(&maker->writer);
	buffer_fini(&maker->path);
	buffer_fini(&maker->scratch);
	buffer_fini(&maker->names);
}

/* ---- one row ---- */

/* Puts into path what --prefix puts in front, and the directory's path below the root,
 * with a "/" behind each. */
static void enter_directory(struct row_maker *maker, uint32_t directory)
{
	const char *prefix = maker->upload->request->prefix;
	buffer_clear(&maker->path);
	if (prefix && *prefix) {
		buffer_put(&maker->path, prefix, strlen(prefix));
		buffer_put_u8(&maker->path, '/');
	}
	if (directory != TREE_ROOT) {
		tree_path(maker->upload->tree, directory, &maker->scratch);
		buffer_put(&maker->path, maker->scratch.at, maker->scratch.len);
		buffer_put_u8(&maker->path, '/');
	}
	maker->directory = directory;
	maker->directory_len = maker->path.len;
}

/* The stored path. Entries of one directory mostly follow each other. */
static void set_path(struct row_maker *maker, const struct entry *entry)
{
	if (maker->directory != entry->parent)
		enter_directory(maker, entry->parent);
	maker->path.len = maker->directory_len;
	buffer_put(&maker->path, entry->name, entry->name_len);
}

/* The names of the file's units; false: one is not final. */
static bool set_names(struct row_maker *maker, const struct entry *entry)
{
	bool all_final = true;
	buffer_clear(&maker->names);
	for (uint32_t i = 0; i < entry->unit_count; i++) {
		struct unit_name name;
		if (!units_final(maker->upload->units, entry_units(entry)[i], &name))
			all_final = false;
		buffer_put(&maker->names, &name, sizeof name);
	}
	return all_final;
}

/* The row of an entry; of a file, names are set. Borrows from the maker. */
static struct row row_of(struct row_maker *maker, const struct entry *entry)
{
	set_path(maker, entry);
	struct row row = {
		.path = (const char *)maker->path.at,
		.path_len = maker->path.len,
		.type = entry->type,
		.mode = entry->mode,
		.time = {.seconds = entry->seconds, .nanoseconds = entry->nanoseconds},
	};
	if (entry->type == ROW_SYMLINK) {
		row.target = entry->target;
		row.target_len = strlen(entry->target);
	}
	if (entry->type != ROW_FILE)
		return row;
	claim(entry->is_known);
	row.size = entry->size;
	row.units = (const struct unit_name *)(const void *)maker->names.at;
	row.unit_count = entry->unit_count;
	return row;
}

static int add_row(struct row_maker *maker, const struct entry *entry,
		   struct error *error)
{
	struct row row = row_of(maker, entry);
	totals_add_row(&maker->upload->result->totals, &row);
	return piece_writer_add(&maker->writer, &row, error);
}

/* ---- while files are read ---- */

/* Whether the row can be made already; the names of a file's units are set then. Whoever
 * reads the file may still write all but its name, so the type is asked elsewhere. */
static bool is_ready(struct row_maker *maker, uint32_t number)
{
	const struct entry *entry = tree_entry(maker->upload->tree, number);
	return !maker->upload->is_file.at[number] ||
	       (entry_is_settled(entry) && set_names(maker, entry));
}

int upload_manifest_advance(struct row_maker *maker, struct error *error)
{
	struct upload *upload = maker->upload;
	/* which pieces of the base stand is known at the end only */
	if (upload->base_rows.numbers)
		return 0;
	int rc = 0;
	while (rc == 0 && maker->next < upload->walked && is_ready(maker, maker->next)) {
		const struct entry *entry = tree_entry(upload->tree, maker->next++);
		rc = entry->is_row ? add_row(maker, entry, error) : 0;
	}
	return rc;
}

/* ---- at the end ---- */

static int take_piece(struct row_maker *maker, const struct root_piece *piece,
		      const struct entry *last, struct error *error)
{
	struct row row = row_of(maker, last);
	totals_add(&maker->upload->result->totals, &piece->totals);
	return piece_writer_take(&maker->writer, piece, &row, error);
}

/* The row of maker->next, or a piece of the base that begins with it. */
static int add_next(struct row_maker *maker, struct error *error)
{
	struct upload *upload = maker->upload;
	const struct root_piece *piece =
		piece_writer_between(&maker->writer)
			? upload_same_piece(upload, maker->next, &maker->next)
			: NULL;
	const struct entry *entry = tree_entry(upload->tree, maker->next++);
	if (entry->type == ROW_FILE)
		(void)set_names(maker, entry);
	return piece ? take_piece(maker, piece, entry, error)
		     : add_row(maker, entry, error);
}

int upload_manifest_finish(struct row_maker *maker, struct error *error)
{
	struct upload *upload = maker->upload;
	int rc = 0;
	while (rc == 0 && maker->next < upload->tree->count) {
		if (tree_entry(upload->tree, maker->next)->is_row)
			rc = add_next(maker, error);
		else
			maker->next++;
	}
	if (rc == 0)
		rc = piece_writer_finish(&maker->writer, error);
	if (rc < 0)
		return rc;
	root_encode(&upload->result->root, &maker->writer.root);
	upload->result->digest =
		sha256_of(upload->result->root.at, upload->result->root.len);
	return 0;
}
