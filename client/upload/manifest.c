#include "client/upload/manifest.h"

#include <string.h>

#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"

#define NO_DIRECTORY UINT32_MAX

/* A small tree of which the daemon lacked something is one piece, or a few, and what
 * names a new unit is new itself: a question would cost more than it saves. */
static int on_piece(void *context, const struct root_piece *piece, const uint8_t *bytes,
		    size_t len, struct error *error)
{
	struct manifest *manifest = context;
	struct exchange *exchange = manifest->frames->exchange;
	if (base_has(manifest->base, &piece->name))
		return 0;
	struct batch *batch = exchange_lease(exchange);
	if (!batch)
		return flow_check(exchange->flow, error);
	batch->kind = FRAME_PIECE;
	memcpy(batch->data, bytes, len);
	batch_add(batch, units_add(exchange->units, &piece->name), &piece->name.key);
	if (flow_is_alone(exchange->flow) && exchange->has_sent)
		return frames_send(manifest->frames, manifest->packer, batch, error);
	return exchange_ask(exchange, batch, error);
}

void manifest_init(struct manifest *manifest)
{
	manifest->directory = NO_DIRECTORY;
	piece_writer_init(&manifest->writer, (struct piece_sink){on_piece, manifest});
}

void manifest_fini(struct manifest *manifest)
{
	piece_writer_fini(&manifest->writer);
	buffer_fini(&manifest->path);
	buffer_fini(&manifest->scratch);
	buffer_fini(&manifest->names);
}

/* ---- one row ---- */

/* Puts into path what --prefix puts in front, and the directory's path below the root,
 * with a "/" behind each. */
static void enter_directory(struct manifest *manifest, uint32_t directory)
{
	const char *prefix = manifest->prefix;
	buffer_clear(&manifest->path);
	if (prefix && *prefix) {
		buffer_put(&manifest->path, prefix, strlen(prefix));
		buffer_put_u8(&manifest->path, '/');
	}
	if (directory != TREE_ROOT) {
		tree_path(manifest->tree, directory, &manifest->scratch);
		buffer_put(&manifest->path, manifest->scratch.at, manifest->scratch.len);
		buffer_put_u8(&manifest->path, '/');
	}
	manifest->directory = directory;
	manifest->directory_len = manifest->path.len;
}

/* The stored path. Entries of one directory mostly follow each other. */
static void set_path(struct manifest *manifest, const struct entry *entry)
{
	if (manifest->directory != entry->parent)
		enter_directory(manifest, entry->parent);
	manifest->path.len = manifest->directory_len;
	buffer_put(&manifest->path, entry->name, entry->name_len);
}

/* The names of the file's units; false: one is not final. */
static bool set_names(struct manifest *manifest, const struct entry *entry)
{
	bool all_final = true;
	buffer_clear(&manifest->names);
	for (uint32_t i = 0; i < entry->unit_count; i++) {
		struct unit_name name;
		if (!units_final(manifest->frames->exchange->units, entry_units(entry)[i],
				 &name))
			all_final = false;
		buffer_put(&manifest->names, &name, sizeof(name));
	}
	return all_final;
}

/* The row of an entry; of a file, names are set. Borrows from the manifest. */
static struct row row_of(struct manifest *manifest, const struct entry *entry)
{
	set_path(manifest, entry);
	struct row row = {
		.path = (const char *)manifest->path.at,
		.path_len = manifest->path.len,
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
	row.units = (const struct unit_name *)(const void *)manifest->names.at;
	row.unit_count = entry->unit_count;
	return row;
}

/* The sentence shows nothing of a name that holds the token: only the folder that it lies
 * in. */
static int refuse_name(const char *path, const char *found, struct error *error)
{
	const char *end = found;
	while (end > path && end[-1] != '/')
		end--;
	return error_set(error, ERR_DENIED,
			 "a name in `./%.*s` holds the token that was given to this "
			 "persist; leave it out, or say --allow-token",
			 (int)(end - path), path);
}

static int check_secret(const struct text *secret, const struct row *row,
			struct error *error)
{
	if (secret->len == 0)
		return 0;
	const char *found = memmem(row->path, row->path_len, secret->at, secret->len);
	if (found)
		return refuse_name(row->path, found, error);
	if (!row->target ||
	    !memmem(row->target, row->target_len, secret->at, secret->len))
		return 0;
	return error_set(error, ERR_DENIED,
			 "`%.*s`: the target of this link holds the token that was given "
			 "to this persist; leave it out, or say --allow-token",
			 (int)row->path_len, row->path);
}

static int add_row(struct manifest *manifest, const struct entry *entry,
		   struct error *error)
{
	struct row row = row_of(manifest, entry);
	int err = check_secret(&manifest->secret, &row, error);
	if (err)
		return err;
	totals_add_row(&manifest->totals, &row);
	return piece_writer_add(&manifest->writer, &row, error);
}

/* ---- while files are read ---- */

/* Whether the row can be made already; the names of a file's units are set then. Whoever
 * reads the file may still write all but its name, so the type is asked elsewhere. */
static bool is_ready(struct manifest *manifest, uint32_t number)
{
	const struct entry *entry = tree_entry(manifest->tree, number);
	return !manifest->is_file->at[number] ||
	       (entry_is_settled(entry) && set_names(manifest, entry));
}

int manifest_advance(struct manifest *manifest, struct error *error)
{
	/* which pieces of the base stand is known at the end only */
	if (base_knows_rows(manifest->base))
		return 0;
	int err = 0;
	while (err == 0 && manifest->next < manifest->is_file->len &&
	       is_ready(manifest, manifest->next)) {
		const struct entry *entry = tree_entry(manifest->tree, manifest->next++);
		err = entry->is_row ? add_row(manifest, entry, error) : 0;
	}
	return err;
}

/* ---- at the end ---- */

static int take_piece(struct manifest *manifest, const struct root_piece *piece,
		      const struct entry *last, struct error *error)
{
	struct row row = row_of(manifest, last);
	totals_add(&manifest->totals, &piece->totals);
	return piece_writer_take(&manifest->writer, piece, &row, error);
}

/* The row of manifest->next, or a piece of the base that begins with it. */
static int add_next(struct manifest *manifest, struct error *error)
{
	const struct root_piece *piece =
		piece_writer_between(&manifest->writer)
			? base_same_piece(manifest->base, manifest->tree, manifest->next,
					  &manifest->next)
			: NULL;
	const struct entry *entry = tree_entry(manifest->tree, manifest->next++);
	if (entry->type == ROW_FILE)
		(void)set_names(manifest, entry);
	return piece ? take_piece(manifest, piece, entry, error)
		     : add_row(manifest, entry, error);
}

int manifest_finish(struct manifest *manifest, struct error *error)
{
	int err = 0;
	while (err == 0 && manifest->next < manifest->tree->count) {
		if (tree_entry(manifest->tree, manifest->next)->is_row)
			err = add_next(manifest, error);
		else
			manifest->next++;
	}
	return err < 0 ? err : piece_writer_finish(&manifest->writer, error);
}
