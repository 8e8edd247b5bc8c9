#include "daemon/store/forgotten.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#include "daemon/store/catalogue/catalogue.h"
#include "daemon/store/disk/stamp.h"
#include "daemon/store/segment/holes.h"
#include "daemon/store/segment/reader.h"
#include "daemon/store/segment/segment.h"
#include "daemon/store/transaction/commit_frame.h"
#include "proto/base/cleanup.h"

#define WINDOW_LEN (64u * 1024u)
#define WITNESS_SIZE 128u

/* What was found so far. */
struct look {
	const struct store *store; /* borrowed */
	struct segment_reader reader;
	struct stamp_mark own; /* the catalogue's */
	uint64_t furthest; /* the largest number of changes; the catalogue's included */
	uint64_t foreign;  /* the name of another catalogue; 0: none was found */
	char witness[WITNESS_SIZE]; /* where one of these two was found */
	/* A file that no row names: the one that is being read, and the first that names
	 * another catalogue. Both borrowed; NULL: none. */
	const char *unknown, *foreign_file;
	uint64_t foreign_file_of; /* that catalogue's name */
	bool unsure;              /* something could not be read */
};

static void look_fini(struct look *look)
{
	segment_reader_fini(&look->reader);
}

/* The name of another catalogue: in a file that no row names, which may have been brought
 * here, or in a part of this store. */
static void weigh_foreign(struct look *look, uint64_t name, const char *witness)
{
	if (look->unknown && !look->foreign_file) {
		look->foreign_file = look->unknown;
		look->foreign_file_of = name;
	}
	if (look->unknown || look->foreign)
		return;
	look->foreign = name;
	(void)snprintf(look->witness, sizeof(look->witness), "%s", witness);
}

/* Takes what a place says. `at_its_place`: it was not found by searching; what a search
 * finds may be the content of somebody's file that looks like a frame. */
static void weigh(struct look *look, const struct stamp_mark *mark, bool at_its_place,
		  const char *witness)
{
	bool same = mark->store == look->own.store;
	bool foreign = !same && mark->store != 0 && look->own.store != 0;
	if (foreign && at_its_place)
		weigh_foreign(look, mark->store, witness);
	if (look->foreign || foreign || (!same && !at_its_place) ||
	    mark->commits <= look->furthest)
		return;
	look->furthest = mark->commits;
	(void)snprintf(look->witness, sizeof(look->witness), "%s", witness);
}

/* ---- frames ---------------------------------------------------------------------- */

/* What cannot be read now, and is not known to be damaged, might say anything. */
static bool is_unsure(int err)
{
	return err != 0 && err != ERR_DAMAGED;
}

static void read_commit(struct look *look, const struct segment *segment, uint64_t offset,
			bool at_its_place)
{
	struct segment_reader *reader = &look->reader;
	struct stamp_mark mark;
	struct error error;
	int err =
		segment_reader_load_single(reader, segment, offset, FRAME_COMMIT, &error);
	if (!err)
		err = commit_frame_decode(reader->raw, reader->header.raw_len, &mark,
					  &error);
	bool is_somebodys = err == ERR_VERSION && !at_its_place;
	look->unsure = look->unsure || (is_unsure(err) && !is_somebodys);
	char witness[WITNESS_SIZE];
	(void)snprintf(witness, sizeof(witness), "segment `%s` at %" PRIu64,
		       segment->location, offset);
	if (!err)
		weigh(look, &mark, at_its_place, witness);
}

static bool is_commit_header(const uint8_t *at, size_t len)
{
	struct frame_header header;
	struct error ignored;
	return len >= FRAME_HEADER_LEN &&
	       frame_header_decode(at, &header, &ignored) == 0 &&
	       header.kind == FRAME_COMMIT && header.unit_count == 1 &&
	       header.raw_len <= COMMIT_FRAME_LEN_MAX;
}

/* Behind a broken frame nothing tells where the next one begins. The length that a header
 * claims is not believed there either, so every place is tried that looks like one. */
static void search(struct look *look, const struct segment *segment, uint64_t offset,
		   uint64_t end)
{
	uint8_t *window AUTO_FREE = must_alloc(WINDOW_LEN);
	size_t len = WINDOW_LEN;
	for (; len == WINDOW_LEN; offset += len - (FRAME_HEADER_LEN - 1)) {
		len = end - offset < WINDOW_LEN ? (size_t)(end - offset) : WINDOW_LEN;
		if (io_read_at(look->store->io, segment->fd, window, len, offset) < 0) {
			look->unsure = true;
			return;
		}
		const uint8_t *window_end = window + len;
		for (const uint8_t *at = window;
		     (at = memmem(at, (size_t)(window_end - at), "BTFR", 4)); at++) {
			if (is_commit_header(at, (size_t)(window_end - at)))
				read_commit(look, segment,
					    offset + (uint64_t)(at - window), false);
		}
	}
}

/* From `offset` on frames lie one behind the other, up to where the tail is torn. */
static void read_frames(struct look *look, const struct segment *segment, uint64_t offset,
			uint64_t end)
{
	struct segment_reader *reader = &look->reader;
	struct error error;
	while (offset < end) {
		int err = segment_reader_head(reader, segment, offset, end, &error);
		if (err == ERR_DAMAGED || err == ERR_VERSION)
			search(look, segment, offset, end);
		else if (err)
			look->unsure = true;
		if (err)
			return;
		struct frame_header header = reader->header;
		if (header.kind == FRAME_COMMIT)
			read_commit(look, segment, offset, true);
		offset += frame_len(&header);
	}
}

/* ---- files ----------------------------------------------------------------------- */

/* Opens a file of whatever kind, for reading only. */
static bool open_file(struct look *look, const char *name, struct segment *ret_segment)
{
	const struct store *store = look->store;
	*ret_segment = (struct segment){
		.fd = io_open(store->io, store->segments_fd, name,
			      O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0)};
	(void)snprintf(ret_segment->location, sizeof(ret_segment->location), "%s", name);
	if (ret_segment->fd >= 0)
		return true;
	look->unsure = true;
	return false;
}

static void close_file(struct look *look, struct segment *segment)
{
	segment_reader_forget(&look->reader);
	(void)io_close(look->store->io, segment->fd);
}

static void read_excess(struct look *look, const struct survey *survey, size_t row)
{
	struct segment segment;
	if (!open_file(look, survey->rows[row].location, &segment))
		return;
	read_frames(look, &segment, survey_file_len(survey, row),
		    (uint64_t)survey->lens[row]);
	close_file(look, &segment);
}

/* Behind the header, and the table of holes where there is one: it begins with 8 bytes
 * and the length of what it holds. */
static uint64_t frames_begin(struct look *look, const struct segment *segment)
{
	const struct io *io = look->store->io;
	uint8_t bytes[SEGMENT_HEADER_LEN + 12];
	struct segment_header header;
	struct error ignored;
	if (io_read_at(io, segment->fd, bytes, sizeof(bytes), 0) < 0 ||
	    segment_header_decode(bytes, &header, &ignored) < 0 || !header.has_holes)
		return SEGMENT_HEADER_LEN;
	struct reader in = reader_of(bytes + SEGMENT_HEADER_LEN + 8, 4);
	return SEGMENT_HEADER_LEN + holes_table_len(reader_u32(&in));
}

static void read_unknown(struct look *look, const char *name)
{
	const struct io *io = look->store->io;
	struct segment segment;
	if (!open_file(look, name, &segment))
		return;
	look->unknown = name;
	int64_t len = io->size(io->context, segment.fd);
	if (len < 0)
		look->unsure = true;
	if (len > (int64_t)SEGMENT_HEADER_LEN)
		read_frames(look, &segment, frames_begin(look, &segment), (uint64_t)len);
	look->unknown = NULL;
	close_file(look, &segment);
}

/* A stamp that is missing or damaged says nothing. */
static void read_stamp(struct look *look)
{
	const struct store *store = look->store;
	struct stamp_mark mark = {0};
	struct error error;
	int found = stamp_read(store->io, store->directory_fd, &mark, &error);
	if (found > 0)
		weigh(look, &mark, true, "`" STAMP_NAME "`");
	else if (found < 0)
		health_note(&store->health, "%s", error.text);
	else if (look->own.commits > 0)
		health_note(&store->health,
			    "`" STAMP_NAME "`: missing, or damaged; the segments "
			    "must tell whether the catalogue is whole");
	look->unsure = found < 0;
}

/* What stands in the log behind the frame where SQLite takes it to end. */
static void read_log(struct look *look)
{
	struct stamp_mark mark = {look->own.store,
				  catalogue_log_commits(look->store->catalogue)};
	weigh(look, &mark, true, "`catalogue.db-wal` behind a broken frame");
}

/* ---- the verdict ------------------------------------------------------------------ */

#define UNCHANGED "nothing is changed any more; "
#define PUT_BACK                                                                         \
	"put back the catalogue.db and catalogue.db-wal that belong to these segments, " \
	"make one of the segments (`batond rebuild`), or give an empty directory with "  \
	"--data"
#define WAY_OUT UNCHANGED PUT_BACK

/* Whether every segment that the catalogue knows lies here, whole: then the catalogue
 * belongs to this directory. */
static bool is_at_home(const struct survey *survey)
{
	for (size_t i = 0; i < survey->count; i++)
		if (survey->lens[i] < 0 ||
		    (uint64_t)survey->lens[i] < survey_file_len(survey, i))
			return false;
	return survey->count > 0;
}

static void judge(const struct look *look, const struct survey *survey,
		  struct error *ret_refusal)
{
	const char *directory = look->store->directory;
	*ret_refusal = (struct error){0};
	if (look->foreign)
		(void)error_set(ret_refusal, ERR_DAMAGED,
				"`%s/catalogue.db`: is another store's (%016" PRIx64
				", but %s is of %016" PRIx64 "); " WAY_OUT,
				directory, look->own.store, look->witness, look->foreign);
	else if (look->furthest > look->own.commits)
		(void)error_set(ret_refusal, ERR_DAMAGED,
				"`%s/catalogue.db`: has forgotten what was acknowledged: "
				"its last change is number %" PRIu64
				", %s knows of number %" PRIu64 "; " WAY_OUT,
				directory, look->own.commits, look->witness,
				look->furthest);
	else if (look->foreign_file && !is_at_home(survey))
		(void)error_set(ret_refusal, ERR_DAMAGED,
				"`%s/segments/%s`: is another store's (%016" PRIx64
				", but catalogue.db is of %016" PRIx64
				"), and the catalogue's own segments are not all "
				"there; " UNCHANGED "move that file away, or " PUT_BACK,
				directory, look->foreign_file, look->foreign_file_of,
				look->own.store);
}

void forgotten_look(struct store *store, struct survey *survey, struct error *ret_refusal)
{
	struct look look AUTO(look_fini) = {
		.store = store,
		.own = catalogue_mark(store->catalogue),
	};
	look.furthest = look.own.commits;
	segment_reader_init(&look.reader, store->io);
	read_stamp(&look);
	read_log(&look);
	for (size_t i = 0; i < survey->count; i++)
		if (survey_excess(survey, i) > 0)
			read_excess(&look, survey, i);
	for (size_t i = 0; i < survey->unknown_count; i++)
		read_unknown(&look, survey->unknown[i]);
	survey->unsure = look.unsure;
	survey->foreign = look.foreign_file;
	judge(&look, survey, ret_refusal);
}
