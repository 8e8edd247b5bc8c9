#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#include "daemon/store/recovery.h"
#include "daemon/store/segment/damage.h"
#include "daemon/store/segment/reader.h"
#include "daemon/store/segment/table.h"
#include "proto/base/cleanup.h"

/* ---- what is vouched for -------------------------------------------------------- */

static int load_holes(struct store *store, const struct segment_row *row,
		      struct holes *ret_holes, struct error *error)
{
	struct buffer encoded AUTO(buffer_fini) = {0};
	if (row->holes_len == 0)
		return 0;
	int err = catalogue_segment_holes(store->catalogue, &row->id, &encoded, error);
	if (!err)
		err = holes_decode(encoded.at, encoded.len, row->vouched, ret_holes,
				   error);
	if (!err && ret_holes->bytes != row->holes_bytes)
		err = error_set(error, ERR_DAMAGED,
				"its holes are not as long as it says");
	struct error why = *error;
	return err ? error_set(error, err, "segment `%s`: %s", row->location, why.text)
		   : 0;
}

/* A file that came back (from a backup, from a mount) is what it was, if it can be read.
 */
static enum segment_state state_of_file(struct store *store,
					const struct segment_row *row,
					const struct holes *holes)
{
	struct segment segment = {.fd = io_open(store->io, store->segments_fd,
						row->location, O_RDONLY | O_NOFOLLOW, 0),
				  .holes = *holes};
	(void)snprintf(segment.location, sizeof(segment.location), "%s", row->location);
	struct buffer index AUTO(buffer_fini) = {0};
	struct segment_footer footer;
	struct error ignored;
	if (segment.fd < 0)
		return SEGMENT_DAMAGED;
	int err = segment_reader_index(store->io, &segment, row->vouched, &footer, &index,
				       &ignored);
	(void)io_close(store->io, segment.fd);
	if (err == ERR_DAMAGED)
		return SEGMENT_OPEN;
	return err ? SEGMENT_DAMAGED : SEGMENT_SEALED;
}

static void note_damage(const struct store *store, const struct survey *survey, size_t i)
{
	const struct segment_row *row = &survey->rows[i];
	int64_t len = survey->lens[i];
	if (len < 0)
		health_note(&store->health,
			    "segment `%s`: missing; `batond check` names its layers",
			    row->location);
	else
		health_note(&store->health,
			    "segment `%s`: %" PRIu64 " bytes too short; `batond check` "
			    "names its layers",
			    row->location, survey_file_len(survey, i) - (uint64_t)len);
}

/* Compares one with its file; a changed state is told to the catalogue, if that takes
 * changes. */
static int compare(struct store *store, const struct survey *survey, size_t i,
		   const struct holes *holes, struct error *error)
{
	struct segment_row *row = &survey->rows[i];
	int64_t len = survey->lens[i];
	bool damaged = len < 0 || (uint64_t)len < survey_file_len(survey, i);
	enum segment_state state = row->state;
	if (damaged)
		state = SEGMENT_DAMAGED;
	else if (row->state == SEGMENT_DAMAGED)
		state = state_of_file(store, row, holes);
	if (damaged)
		note_damage(store, survey, i);
	if (state == row->state)
		return 0;
	if (damaged)
		atomic_store(&store->lost_copies, true);
	row->state = state;
	if (store->frozen)
		return 0;
	int err = catalogue_update_segment(store->catalogue, row, error);
	/* The next start comes to the same. */
	return err == ERR_NO_ROOM ? 0 : err;
}

static int compare_all(struct store *store, const struct survey *survey,
		       bool *ret_damaged, struct error *error)
{
	*ret_damaged = false;
	for (size_t i = 0; i < survey->count; i++) {
		struct segment_row *row = &survey->rows[i];
		struct holes holes AUTO(holes_fini) = {0};
		int err = load_holes(store, row, &holes, error);
		if (!err)
			err = compare(store, survey, i, &holes, error);
		if (err)
			return err;
		*ret_damaged = *ret_damaged || row->state == SEGMENT_DAMAGED;
		segment_table_add(store->segments, row, &holes);
	}
	return 0;
}

/* ---- what is not ---------------------------------------------------------------- */

static int cut_off(struct store *store, const struct survey *survey, size_t i,
		   struct error *error)
{
	const struct io *io = store->io;
	const struct segment_row *row = &survey->rows[i];
	off_t len = (off_t)survey_file_len(survey, i);
	int fd = io_open(io, store->segments_fd, row->location, O_WRONLY | O_NOFOLLOW, 0);
	bool cut = fd >= 0 && io->ftruncate(io->context, fd, len) == 0;
	int number = errno;
	if (fd >= 0)
		(void)io_close(io, fd);
	if (cut)
		return 0;
	return error_set_errno(error, ERR_LOCAL, number,
			       "segment `%s`: cannot be cut off", row->location);
}

static int cut_all_off(struct store *store, const struct survey *survey,
		       struct error *error)
{
	uint64_t bytes = 0;
	for (size_t i = 0; i < survey->count; i++) {
		uint64_t excess = survey_excess(survey, i);
		int err = excess ? cut_off(store, survey, i, error) : 0;
		if (err)
			return err;
		bytes += excess;
	}
	if (bytes > 0)
		health_note(&store->health,
			    "recovery: %" PRIu64 " bytes of persists that were not "
			    "acknowledged were dropped",
			    bytes);
	return 0;
}

static int delete_unknown(struct store *store, const struct survey *survey,
			  struct error *error)
{
	const struct io *io = store->io;
	/* Not every segment of the other store says whose it is. */
	if (survey->foreign)
		return 0;
	for (size_t i = 0; i < survey->unknown_count; i++) {
		if (io->unlink(io->context, store->segments_fd, survey->unknown[i]) < 0)
			return error_set_errno(
				error, ERR_LOCAL, errno,
				"`%s/segments`: cannot be cleared of unknown files",
				store->directory);
	}
	if (survey->unknown_count > 0)
		health_note(
			&store->health,
			"recovery: %zu segment files that the catalogue does not know "
			"were deleted",
			survey->unknown_count);
	return 0;
}

/* What an earlier process left open is appended to: otherwise each start would leave a
 * segment behind that never grows. */
static void adopt_open(struct store *store, const struct survey *survey)
{
	for (size_t i = 0; i < survey->count; i++)
		if (survey->rows[i].state == SEGMENT_OPEN)
			segment_table_adopt(store->segments, &survey->rows[i].id);
}

static void note_excess(const struct store *store, const struct survey *survey)
{
	uint64_t bytes = 0;
	for (size_t i = 0; i < survey->count; i++)
		bytes += survey_excess(survey, i);
	if (bytes > 0 || survey->unknown_count > 0)
		health_note(&store->health,
			    "%" PRIu64 " bytes and %zu files in segments/ are not known "
			    "to the catalogue, %s",
			    bytes, survey->unknown_count,
			    store->health.refusal.code == ERR_DAMAGED
				    ? "and stay as they are"
			    : survey->unsure ? "cannot all be read, and stay as they are"
					     : "of persists that were not acknowledged");
}

static void note_others(const struct store *store, const struct survey *survey)
{
	if (survey->other_count > 0)
		health_note(&store->health,
			    "%zu entries of segments/ are no files (`%s`), and are left "
			    "alone",
			    survey->other_count, survey->other);
	if (survey->foreign && !store->health.refusal.code)
		health_note(
			&store->health,
			"`segments/%s`: is another store's; until it is moved away no "
			"file that the catalogue does not know is deleted",
			survey->foreign);
}

int recovery_segments(struct store *store, const struct survey *survey,
		      struct error *error)
{
	bool damaged;
	int err = compare_all(store, survey, &damaged, error);
	if (err)
		return err;
	note_others(store, survey);
	if (store->frozen || survey->unsure)
		note_excess(store, survey);
	if (damaged || store->frozen || survey->unsure)
		return 0;
	err = cut_all_off(store, survey, error);
	if (!err)
		adopt_open(store, survey);
	return err ? err : delete_unknown(store, survey, error);
}
