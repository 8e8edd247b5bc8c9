/* The end of an upload: rows in order, cut into pieces, which are asked about and sent
 * like other units while the rest is still being made. */
#include <string.h>

#include "client/upload_internal.h"
#include "proto/bytes.h"
#include "proto/cleanup.h"

static int on_piece(void *context, const struct root_piece *piece, const uint8_t *bytes,
		    size_t len, struct error *error)
{
	struct upload *upload = context;
	if (upload_base_has(upload, &piece->name))
		return 0;
	struct batch *batch = upload_lease(upload);
	if (!batch)
		return upload_check(upload, error);
	batch->kind = FRAME_PIECE;
	memcpy(batch->data, bytes, len);
	batch_add(batch, unit_table_add(upload->units, &piece->name), &piece->name.key);
	return upload_ask(upload, batch, error);
}

/* The row of an entry. path and names are filled and borrowed. */
static struct row row_of(const struct upload *upload, uint32_t number,
			 struct buffer *path, struct buffer *names)
{
	const struct entry *entry = tree_entry(upload->tree, number);
	struct row row = {
		.path = (const char *)path->at,
		.path_len = path->len,
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
	buffer_clear(names);
	for (uint32_t i = 0; i < entry->unit_count; i++) {
		struct unit_name name =
			unit_table_name(upload->units, entry_units(entry)[i]);
		buffer_put(names, &name, sizeof name);
	}
	row.size = entry->size;
	row.units = (const struct unit_name *)(const void *)names->at;
	row.unit_count = entry->unit_count;
	return row;
}

/* The stored path: what --prefix puts in front, and the path below the root. */
static void stored_path(const struct upload *upload, uint32_t number,
			struct buffer *scratch, struct buffer *out)
{
	const char *prefix = upload->request->prefix;
	buffer_clear(out);
	if (prefix && *prefix) {
		buffer_put(out, prefix, strlen(prefix));
		buffer_put_u8(out, '/');
	}
	tree_path(upload->tree, number, scratch);
	buffer_put(out, scratch->at, scratch->len);
}

/* What making the rows takes; all but the upload is owned. */
struct making {
	struct upload *upload; /* borrowed */
	struct piece_writer writer;
	struct buffer path, scratch, names;
};

static void making_fini(struct making *making)
{
	piece_writer_fini(&making->writer);
	buffer_fini(&making->path);
	buffer_fini(&making->scratch);
	buffer_fini(&making->names);
}

static struct row make_row(struct making *making, uint32_t number)
{
	stored_path(making->upload, number, &making->scratch, &making->path);
	return row_of(making->upload, number, &making->path, &making->names);
}

static int add_row(struct making *making, uint32_t number, struct error *error)
{
	struct row row = make_row(making, number);
	totals_add_row(&making->upload->result->totals, &row);
	return piece_writer_add(&making->writer, &row, error);
}

static int take_piece(struct making *making, const struct root_piece *piece,
		      uint32_t last, struct error *error)
{
	struct row row = make_row(making, last);
	totals_add(&making->upload->result->totals, &piece->totals);
	return piece_writer_take(&making->writer, piece, &row, error);
}

static int add_rows(struct making *making, struct error *error)
{
	struct upload *upload = making->upload;
	int rc = 0;
	for (uint32_t i = 0; rc == 0 && i < upload->tree->count; i++) {
		if (!tree_entry(upload->tree, i)->is_row)
			continue;
		const struct root_piece *piece =
			piece_writer_between(&making->writer)
				? upload_same_piece(upload, i, &i)
				: NULL;
		rc = piece ? take_piece(making, piece, i, error)
			   : add_row(making, i, error);
	}
	return rc < 0 ? rc : piece_writer_finish(&making->writer, error);
}

int upload_manifest(struct upload *upload, struct error *error)
{
	struct making making AUTO(making_fini) = {.upload = upload};
	piece_writer_init(&making.writer, (struct piece_sink){on_piece, upload});
	int rc = add_rows(&making, error);
	if (rc < 0)
		return rc;
	root_encode(&upload->result->root, &making.writer.root);
	upload->result->digest =
		sha256_of(upload->result->root.at, upload->result->root.len);
	return 0;
}
