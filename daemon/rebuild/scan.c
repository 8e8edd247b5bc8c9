#include "daemon/rebuild/scan.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/store/segment/reader.h"
#include "daemon/store/segment/segment.h"
#include "daemon/store/survey.h"
#include "daemon/store/transaction/commit_frame.h"
#include "proto/base/array.h"
#include "proto/base/cleanup.h"

/* One file being read. */
struct segment_walk {
	struct store *store;       /* borrowed */
	struct segment_scan *scan; /* borrowed */
	struct segment_reader reader;
	struct segment segment;
	struct scanned_file file;
	uint64_t committed; /* behind the last sound commit frame */
};

static void walk_fini(struct segment_walk *walk)
{
	segment_reader_fini(&walk->reader);
	holes_fini(&walk->segment.holes);
	if (walk->segment.fd >= 0)
		(void)io_close(walk->store->io, walk->segment.fd);
}

void scan_fini(struct segment_scan *scan)
{
	for (size_t i = 0; i < scan->layer_count; i++) {
		layer_facts_fini(&scan->layers[i].facts);
		free(scan->layers[i].bytes);
	}
	for (size_t i = 0; i < scan->file_count; i++)
		holes_fini(&scan->files[i].holes);
	free(scan->layers);
	free(scan->files);
	*scan = (struct segment_scan){0};
}

/* ---- frames ---------------------------------------------------------------------- */

/* A commit frame that is damaged tells nothing; its layer is lost, unless another frame
 * tells of it. */
static void take_commit(struct segment_walk *walk, uint64_t offset)
{
	struct segment_reader *reader = &walk->reader;
	struct error error;
	if (segment_reader_load_single(reader, &walk->segment, offset, FRAME_COMMIT,
				       &error) < 0) {
		walk->file.damaged++;
		health_note(&walk->store->health, "%s: what it told of is lost",
			    error.text);
		return;
	}
	size_t len = reader->header.raw_len;
	struct scanned_layer layer = {
		.segment = walk->segment.id,
		.file = walk->scan->file_count,
		.bytes = (uint8_t *)must_memdup(reader->raw, len),
	};
	if (commit_frame_decode_layer(layer.bytes, len, &layer.mark, &layer.facts,
				      &error) < 0) {
		health_note(&walk->store->health, "segment `%s`: %s",
			    walk->segment.location, error.text);
		free(layer.bytes);
		return;
	}
	array_make_room(walk->scan->layers, walk->scan->layer_count,
			walk->scan->layer_room);
	walk->scan->layers[walk->scan->layer_count++] = layer;
}

/* Frames up to `end`; where they end. */
static uint64_t walk_frames(struct segment_walk *walk, uint64_t end)
{
	struct segment_reader *reader = &walk->reader;
	struct error error;
	uint64_t offset = SEGMENT_HEADER_LEN;
	walk->committed = offset;
	while ((offset = holes_skip(&walk->segment.holes, offset)) < end) {
		uint64_t from = offset;
		if (segment_reader_head(reader, &walk->segment, offset, end, &error) <
		    0) {
			if (!segment_reader_resync(reader, &walk->segment, offset + 1,
						   end, &offset))
				return from;
			walk->file.damaged++;
		}
		struct frame_header header = reader->header;
		walk->file.frames++;
		if (header.kind == FRAME_COMMIT)
			take_commit(walk, offset);
		offset += frame_len(&header);
		if (header.kind == FRAME_COMMIT)
			walk->committed = offset;
	}
	return offset;
}

/* All before was vouched for when the holes were made. */
static uint64_t last_hole_end(const struct segment_walk *walk)
{
	const struct holes *holes = &walk->segment.holes;
	if (holes->count == 0)
		return 0;
	const struct hole *last = &holes->at[holes->count - 1];
	return last->offset + last->len;
}

/* Behind the last commit frame lies what was committed by way of another segment, or the
 * tail of what never was, which may be torn: it counts as far as it is sound. */
static uint64_t sound_end(struct segment_walk *walk, uint64_t end)
{
	struct error ignored;
	uint64_t offset = walk->committed;
	while ((offset = holes_skip(&walk->segment.holes, offset)) < end &&
	       segment_reader_load(&walk->reader, &walk->segment, offset, end,
				   &ignored) == 0)
		offset += frame_len(&walk->reader.header);
	return offset > last_hole_end(walk) ? offset : last_hole_end(walk);
}

static void walk_segment(struct segment_walk *walk, uint64_t len)
{
	struct buffer index AUTO(buffer_fini) = {0};
	struct segment_footer footer;
	struct error ignored;
	bool sealed = segment_reader_index(walk->store->io, &walk->segment, len, &footer,
					   &index, &ignored) == 0;
	uint64_t end = walk_frames(walk, sealed ? footer.index_offset : len);
	walk->file.row.state = sealed ? SEGMENT_SEALED : SEGMENT_OPEN;
	walk->file.row.vouched = sealed ? len : sound_end(walk, end);
}

/* ---- files ----------------------------------------------------------------------- */

static int open_segment(struct segment_walk *walk, const char *name, uint64_t *ret_len,
			struct error *error)
{
	const struct io *io = walk->store->io;
	struct segment *segment = &walk->segment;
	(void)snprintf(segment->location, sizeof(segment->location), "%s", name);
	segment->fd = io_open(io, walk->store->segments_fd, name,
			      O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0);
	int64_t len = segment->fd < 0 ? -1 : io->size(io->context, segment->fd);
	if (len < 0)
		return error_set_errno(error, ERR_LOCAL, errno,
				       "segment `%s`: cannot be opened", name);
	uint8_t bytes[SEGMENT_HEADER_LEN];
	struct segment_header header;
	if ((uint64_t)len < sizeof(bytes) ||
	    io_read_at(io, segment->fd, bytes, sizeof(bytes), 0) < 0)
		return error_set(error, ERR_DAMAGED, "segment `%s`: cannot be read",
				 name);
	int err = segment_header_decode(bytes, &header, error);
	if (err)
		return err;
	segment->id = header.id;
	segment->namespace_id = header.namespace_id;
	if (header.has_holes)
		err = segment_reader_holes(io, segment, &segment->holes, error);
	*ret_len = (uint64_t)len - segment->holes.table_len + segment->holes.bytes;
	return err;
}

static void add_file(struct segment_walk *walk)
{
	struct segment_scan *scan = walk->scan;
	struct segment_row *row = &walk->file.row;
	row->id = walk->segment.id;
	row->namespace_id = walk->segment.namespace_id;
	row->holes_bytes = walk->segment.holes.bytes;
	walk->file.holes = holes_copy(&walk->segment.holes);
	memcpy(row->location, walk->segment.location, sizeof(row->location));
	array_make_room(scan->files, scan->file_count, scan->file_room);
	scan->files[scan->file_count++] = walk->file;
}

static void scan_file(struct store *store, struct segment_scan *scan, const char *name)
{
	struct segment_walk walk AUTO(walk_fini) = {
		.store = store, .scan = scan, .segment = {.fd = -1}};
	struct error error;
	uint64_t len = 0;
	segment_reader_init(&walk.reader, store->io);
	if (open_segment(&walk, name, &len, &error)) {
		health_note(&store->health, "`segments/%s`: %s; it is left out", name,
			    error.text);
		return;
	}
	walk_segment(&walk, len);
	if (walk.file.damaged)
		health_note(&store->health,
			    "segment `%s`: damaged in %llu places; what lies there is "
			    "lost where nothing else holds it",
			    name, (unsigned long long)walk.file.damaged);
	add_file(&walk);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

struct names {
	char **at; /* owned, and each */
	size_t count, room;
};

static void names_fini(struct names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->at[i]);
	free(names->at);
}

static int list_files(const struct store *store, struct names *names, struct error *error)
{
	int fd = openat(store->segments_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir AUTO_DIR = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry = NULL;
	while (dir && (errno = 0, entry = readdir(dir))) {
		if (entry->d_name[0] == '.' || !survey_is_file(store, entry->d_name) ||
		    strlen(entry->d_name) >= sizeof((struct segment *)NULL)->location)
			continue;
		array_make_room(names->at, names->count, names->room);
		names->at[names->count++] = must_strdup(entry->d_name);
	}
	if (!dir || errno != 0)
		return error_set_errno(error, ERR_LOCAL, errno,
				       "`%s/segments`: cannot be listed",
				       store->directory);
	if (names->count)
		qsort(names->at, names->count, sizeof(*names->at), compare_names);
	return 0;
}

static bool goes_further(const struct scanned_file *a, const struct scanned_file *b)
{
	if (a->row.vouched != b->row.vouched)
		return a->row.vouched > b->row.vouched;
	return a->frames > b->frames;
}

/* A move that was interrupted leaves two files of one segment, whose names begin alike:
 * the one that goes further counts, for it may have grown since, or the other was not
 * copied to its end; of two that go as far the one with more frames. */
static void mark_spares(struct segment_scan *scan)
{
	size_t best = 0;
	for (size_t i = 1; i < scan->file_count; i++) {
		struct scanned_file *file = &scan->files[i];
		bool same = segment_id_equal(&scan->files[best].row.id, &file->row.id);
		if (same && !goes_further(file, &scan->files[best])) {
			file->is_spare = true;
			continue;
		}
		scan->files[best].is_spare = same;
		best = i;
	}
}

int scan_run(struct store *store, struct segment_scan *ret_scan, struct error *error)
{
	struct names names AUTO(names_fini) = {0};
	struct segment_scan scan AUTO(scan_fini) = {0};
	int err = list_files(store, &names, error);
	if (err)
		return err;
	for (size_t i = 0; i < names.count; i++)
		scan_file(store, &scan, names.at[i]);
	mark_spares(&scan);
	*ret_scan = scan;
	scan = (struct segment_scan){0};
	return 0;
}
