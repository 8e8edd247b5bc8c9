#include "daemon/store/catalogue/catalogue.h"

#include <string.h>

#include "daemon/store/catalogue/internal.h"
#include "proto/base/array.h"
#include "proto/base/bytes.h"

/* ---- settings -------------------------------------------------------------------- */

int64_t catalogue_setting(struct catalogue *catalogue, const char *name)
{
	CATALOGUE_LOCKED(catalogue);
	struct query query AUTO(query_end) = query_of(
		catalogue->database, "SELECT value FROM settings WHERE name = ?");
	query_text(&query, text_of(name));
	struct error ignored;
	int64_t value = 0;
	return query_one(&query, &value, &ignored) == 0 ? value : 0;
}

int catalogue_set_setting(struct catalogue *catalogue, const char *name, int64_t value,
			  struct error *error)
{
	CATALOGUE_LOCKED(catalogue);
	struct change change AUTO(change_end) = {0};
	int result = change_begin(&change, catalogue, error);
	if (result < 0)
		return result;
	struct query query AUTO(query_end) =
		query_of(catalogue->database,
			 "INSERT OR REPLACE INTO settings (name, value) VALUES (?, ?)");
	query_text(&query, text_of(name));
	query_number(&query, value);
	result = query_run(&query, error);
	return result == 0 ? change_commit(&change, error) : result;
}

/* ---- segments -------------------------------------------------------------------- */

/* A plain name: another would reach out of the directory. */
static bool is_location(const char *location)
{
	return location[0] != '.' && !strchr(location, '/') &&
	       strlen(location) < sizeof((struct segment_row *)NULL)->location;
}

static int segment_row_of(struct query *query, struct segment_row *ret_row,
			  struct error *error)
{
	struct segment_row row = {
		.namespace_id = row_id(query, 1),
		.vouched = row_offset(query, 2),
		.state = (enum segment_state)row_ordinal(query, 4),
		.holes_bytes = row_amount(query, 5),
		.holes_len = row_amount(query, 6),
	};
	row_blob(query, 0, row.id.bytes, SEGMENT_ID_LEN);
	const char *location = row_name(query, 3);
	int result = row_check(query, error);
	if (result < 0)
		return result;
	if (row.state > SEGMENT_DAMAGED || !is_location(location) ||
	    row.holes_bytes > row.vouched || !row.holes_bytes != !row.holes_len)
		return database_contradiction(query->database, error);
	memcpy(row.location, location, strlen(location) + 1);
	*ret_row = row;
	return 0;
}

int catalogue_segments(struct catalogue *catalogue, struct segment_row **ret_rows,
		       size_t *ret_count, struct error *error)
{
	CATALOGUE_LOCKED(catalogue);
	struct query query AUTO(query_end) = query_of(
		catalogue->database,
		"SELECT segment, namespace, vouched, location, state, holes_bytes,"
		" length(holes) FROM segments ORDER BY segment");
	struct segment_row *rows AUTO_FREE = NULL;
	size_t count = 0;
	size_t room = 0;
	int result;
	while ((result = query_next(&query, error)) == 1) {
		array_make_room(rows, count, room);
		result = segment_row_of(&query, &rows[count], error);
		if (result < 0)
			return result;
		if (count > 0 && memcmp(rows[count - 1].id.bytes, rows[count].id.bytes,
					SEGMENT_ID_LEN) >= 0)
			return database_contradiction(catalogue->database, error);
		count++;
	}
	if (result < 0)
		return result;
	*ret_rows = take_ptr(&rows);
	*ret_count = count;
	return 0;
}

int catalogue_update_segment(struct catalogue *catalogue, const struct segment_row *row,
			     struct error *error)
{
	CATALOGUE_LOCKED(catalogue);
	struct change change AUTO(change_end) = {0};
	int result = change_begin(&change, catalogue, error);
	if (result < 0)
		return result;
	struct query query AUTO(query_end) = query_of(
		catalogue->database, "UPDATE segments SET vouched = ?, location = ?,"
				     " state = ? WHERE segment = ?");
	query_number(&query, (int64_t)row->vouched);
	query_text(&query, text_of(row->location));
	query_number(&query, row->state);
	query_blob(&query, row->id.bytes, SEGMENT_ID_LEN);
	result = query_run(&query, error);
	if (result < 0)
		return result;
	if (database_changes(catalogue->database) == 0)
		return error_set(error, ERR_NOT_FOUND, "`%s`: no such segment",
				 row->location);
	return change_commit(&change, error);
}

int catalogue_segment_holes(struct catalogue *catalogue, const struct segment_id *id,
			    struct buffer *ret_holes, struct error *error)
{
	CATALOGUE_LOCKED(catalogue);
	struct query query AUTO(query_end) = query_of(
		catalogue->database, "SELECT holes FROM segments WHERE segment = ?");
	query_blob(&query, id->bytes, SEGMENT_ID_LEN);
	int result = query_next(&query, error);
	if (result < 0)
		return result;
	if (result == 0)
		return error_set(error, ERR_NOT_FOUND, "no such segment");
	struct reader bytes = row_bytes(&query, 0);
	result = row_check(&query, error);
	if (result == 0)
		buffer_put(ret_holes, bytes.at, bytes.left);
	return result;
}

/* The first row that a change of one segment changed. */
static int commit_one(struct change *change, const char *what, struct error *error)
{
	struct database *database = change->catalogue->database;
	if (database_changes(database) == 1)
		return change_commit(change, error);
	return error_set(error, ERR_NOT_FOUND, "segment `%s`: is not known", what);
}

int catalogue_move_segment(struct catalogue *catalogue, const struct segment_row *row,
			   const struct buffer *holes, struct error *error)
{
	CATALOGUE_LOCKED(catalogue);
	struct change change AUTO(change_end) = {0};
	int result = change_begin(&change, catalogue, error);
	if (result < 0)
		return result;
	struct query query AUTO(query_end) = query_of(
		catalogue->database, "UPDATE segments SET location = ?, state = ?,"
				     " holes = ?, holes_bytes = ? WHERE segment = ?");
	query_text(&query, text_of(row->location));
	query_number(&query, row->state);
	query_blob(&query, holes->len > 0 ? holes->at : (const uint8_t *)"", holes->len);
	query_number(&query, (int64_t)row->holes_bytes);
	query_blob(&query, row->id.bytes, SEGMENT_ID_LEN);
	result = query_run(&query, error);
	return result == 0 ? commit_one(&change, row->location, error) : result;
}

/* The foreign key of layer_segments holds one that a layer names. */
int catalogue_remove_segment(struct catalogue *catalogue, const struct segment_id *id,
			     struct error *error)
{
	CATALOGUE_LOCKED(catalogue);
	struct change change AUTO(change_end) = {0};
	int result = change_begin(&change, catalogue, error);
	if (result < 0)
		return result;
	struct query query AUTO(query_end) =
		query_of(catalogue->database, "DELETE FROM segments WHERE segment = ?");
	query_blob(&query, id->bytes, SEGMENT_ID_LEN);
	result = query_run(&query, error);
	return result == 0 ? commit_one(&change, "that is to go", error) : result;
}

/* ---- figures ---------------------------------------------------------------------- */

int catalogue_figures(struct catalogue *catalogue, struct catalogue_figures *ret_figures,
		      struct error *error)
{
	CATALOGUE_LOCKED(catalogue);
	struct query query AUTO(query_end) =
		query_of(catalogue->database,
			 "SELECT (SELECT count(*) FROM namespaces"
			 "  WHERE instr(name, char(31)) = 0),"
			 " (SELECT count(*) FROM workflows WHERE expired_ms IS NULL),"
			 " (SELECT count(*) FROM layers WHERE removed = 0), count(*),"
			 " CAST(total(vouched - holes_bytes) AS INTEGER)"
			 " FROM segments");
	int result = query_next(&query, error);
	if (result < 0)
		return result;
	*ret_figures = (struct catalogue_figures){
		.namespaces = (uint64_t)row_number(&query, 0),
		.workflows = (uint64_t)row_number(&query, 1),
		.layers = (uint64_t)row_number(&query, 2),
		.segments = (uint64_t)row_number(&query, 3),
		.vouched_bytes = row_amount(&query, 4),
	};
	return row_check(&query, error);
}
