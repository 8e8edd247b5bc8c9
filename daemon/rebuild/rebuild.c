#include "daemon/rebuild/rebuild.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/rebuild/aside.h"
#include "daemon/rebuild/scan.h"
#include "daemon/store/layer/placement.h"
#include "daemon/store/recovery.h"
#include "daemon/store/segment/reader.h"
#include "daemon/store/segment/segment.h"
#include "daemon/store/segment/table.h"
#include "proto/base/cleanup.h"
#include "proto/manifest/manifest.h"

struct rebuild {
	const struct rebuild_options *options; /* borrowed */
	struct store store;                    /* as far as reading segments needs one */
	struct segment_scan scan;
	struct stamp_mark mark; /* of the lost catalogue, as far as it is known */
	const struct scanned_layer **layers; /* owned; ascending by id, each once */
	size_t layer_count;
	struct restored_layer *restored; /* owned; as layers; their segments too */
	struct segment_row *rows;        /* owned */
	struct holes *holes;             /* owned; of these, borrowed each */
	size_t row_count;
	struct rebuild_figures figures;
};

static void rebuild_fini(struct rebuild *rebuild)
{
	for (size_t i = 0; rebuild->restored && i < rebuild->layer_count; i++)
		free((void *)(uintptr_t)rebuild->restored[i].segments);
	free(rebuild->restored);
	free(rebuild->layers);
	free(rebuild->rows);
	free(rebuild->holes);
	scan_fini(&rebuild->scan);
	const int fds[] = {rebuild->store.segments_fd, rebuild->store.directory_fd,
			   rebuild->store.lock_fd};
	for (size_t i = 0; i < sizeof(fds) / sizeof(*fds); i++)
		if (fds[i] >= 0)
			(void)io_close(rebuild->store.io, fds[i]);
}

/* ---- whose it is ----------------------------------------------------------------- */

/* The name that more than half of the frames have; where none has, any of them
 * (R. S. Boyer, J. S. Moore: MJRTY, 1981). */
static uint64_t majority(const struct segment_scan *scan)
{
	uint64_t name = 0;
	size_t votes = 0;
	for (size_t i = 0; i < scan->layer_count; i++) {
		if (votes == 0)
			name = scan->layers[i].mark.store;
		votes += scan->layers[i].mark.store == name ? 1 : (size_t)-1;
	}
	return name;
}

/* The stamp names the store that this directory was. */
static void name_store(struct rebuild *rebuild)
{
	const struct segment_scan *scan = &rebuild->scan;
	const struct store *store = &rebuild->store;
	struct stamp_mark stamp = {0};
	struct error ignored;
	rebuild->mark.store = majority(scan);
	(void)stamp_read(store->io, store->directory_fd, &stamp, &ignored);
	for (size_t i = 0; i < scan->layer_count; i++)
		if (scan->layers[i].mark.store == stamp.store)
			rebuild->mark = stamp;
	for (size_t i = 0; i < scan->layer_count; i++) {
		const struct stamp_mark *mark = &scan->layers[i].mark;
		if (mark->store == rebuild->mark.store &&
		    mark->commits > rebuild->mark.commits)
			rebuild->mark.commits = mark->commits;
	}
}

/* A file with frames of another store was brought here. */
static void leave_foreign(struct rebuild *rebuild)
{
	struct segment_scan *scan = &rebuild->scan;
	for (size_t i = 0; i < scan->layer_count; i++) {
		const struct scanned_layer *layer = &scan->layers[i];
		struct scanned_file *file = &scan->files[layer->file];
		if (layer->mark.store == rebuild->mark.store || file->is_spare)
			continue;
		file->is_spare = true;
		health_note(&rebuild->store.health,
			    "`segments/%s`: is another store's (%016" PRIx64
			    "); it is left out",
			    file->row.location, layer->mark.store);
	}
}

/* ---- which layers ---------------------------------------------------------------- */

typedef int comparison(const void *, const void *);

static const struct layer_facts *facts_of(const void *at)
{
	return &(*(const struct scanned_layer *const *)at)->facts;
}

static int compare_numbers(int64_t a, int64_t b)
{
	return (a > b) - (a < b);
}

static int by_id(const void *a, const void *b)
{
	return compare_numbers(facts_of(a)->id, facts_of(b)->id);
}

static int by_name(const void *a, const void *b)
{
	return memcmp(facts_of(a)->name, facts_of(b)->name, LAYER_ID_LEN);
}

static int by_key(const void *a, const void *b)
{
	int order = compare_numbers(facts_of(a)->execution.id, facts_of(b)->execution.id);
	return order ? order : memcmp(facts_of(a)->key, facts_of(b)->key, KEY_LEN);
}

static int by_sequence(const void *a, const void *b)
{
	int order = compare_numbers(facts_of(a)->execution.id, facts_of(b)->execution.id);
	return order ? order
		     : compare_numbers(facts_of(a)->sequence, facts_of(b)->sequence);
}

/* Of those that are alike the one that was written last stays. What was never
 * acknowledged may have left its frame to one that took its number again. */
static void keep_latest(struct rebuild *rebuild, comparison *compare)
{
	const struct scanned_layer **at = rebuild->layers;
	size_t kept = 0;
	if (rebuild->layer_count)
		qsort(at, rebuild->layer_count, sizeof(*at), compare);
	for (size_t i = 0; i < rebuild->layer_count; i++) {
		if (kept == 0 || compare(&at[kept - 1], &at[i]) != 0)
			at[kept++] = at[i];
		else if (at[i]->mark.commits >= at[kept - 1]->mark.commits)
			at[kept - 1] = at[i];
	}
	rebuild->layer_count = kept;
}

static void choose_layers(struct rebuild *rebuild)
{
	const struct segment_scan *scan = &rebuild->scan;
	rebuild->layers = must_calloc(scan->layer_count + 1, sizeof(*rebuild->layers));
	for (size_t i = 0; i < scan->layer_count; i++) {
		const struct scanned_layer *layer = &scan->layers[i];
		if (scan->files[layer->file].is_spare)
			continue;
		rebuild->figures.untold += layer->facts.id == 0;
		if (layer->facts.id)
			rebuild->layers[rebuild->layer_count++] = layer;
	}
	keep_latest(rebuild, by_name);
	keep_latest(rebuild, by_key);
	keep_latest(rebuild, by_sequence);
	keep_latest(rebuild, by_id);
}

static void choose_files(struct rebuild *rebuild)
{
	const struct segment_scan *scan = &rebuild->scan;
	rebuild->rows = must_calloc(scan->file_count + 1, sizeof(*rebuild->rows));
	rebuild->holes = must_calloc(scan->file_count + 1, sizeof(*rebuild->holes));
	for (size_t i = 0; i < scan->file_count; i++) {
		if (scan->files[i].is_spare)
			continue;
		rebuild->holes[rebuild->row_count] = scan->files[i].holes;
		rebuild->rows[rebuild->row_count++] = scan->files[i].row;
		rebuild->figures.frames += scan->files[i].frames;
	}
	rebuild->figures.segments = rebuild->row_count;
	rebuild->figures.layers = rebuild->layer_count;
}

/* ---- what layers name ------------------------------------------------------------ */

/* A place's segment, pinned; NULL where there is none. */
static struct segment *pin(struct rebuild *rebuild, const struct segment_id *id)
{
	struct segment *segment;
	struct error ignored;
	return segment_table_pin(rebuild->store.segments, id, &segment, &ignored) == 0
		       ? segment
		       : NULL;
}

static void unpin(struct rebuild *rebuild, struct segment_reader *reader,
		  struct segment *segment)
{
	segment_reader_forget(reader);
	segment_table_unpin(rebuild->store.segments, segment);
}

static int load_root(struct rebuild *rebuild, struct segment_reader *reader,
		     const struct layer_facts *facts, size_t *ret_pieces,
		     struct error *error)
{
	struct segment *segment = pin(rebuild, &facts->root.segment);
	struct root root AUTO(root_fini) = {0};
	if (!segment)
		return error_set(error, ERR_DAMAGED, "its root's segment is not there");
	int err = segment_reader_load_single(reader, segment, facts->root.offset,
					     FRAME_ROOT, error);
	struct digest digest = {0};
	if (!err)
		digest = sha256_of(reader->raw, reader->header.raw_len);
	if (!err && !digest_equal(&digest, &facts->digest))
		err = error_set(error, ERR_DAMAGED, "its root is another one's");
	if (!err)
		err = root_decode(reader->raw, reader->header.raw_len, &root, error);
	*ret_pieces = root.piece_count;
	unpin(rebuild, reader, segment);
	return err;
}

/* All segments of the namespace: more than it needs, where nothing says which. */
static void name_all(const struct rebuild *rebuild, const struct layer_facts *facts,
		     struct segment_list *segments)
{
	for (size_t i = 0; i < rebuild->row_count; i++)
		if (rebuild->rows[i].namespace_id == facts->workflow.namespace_id)
			(void)segment_list_put(segments, &rebuild->rows[i].id);
}

static int load_placement(struct rebuild *rebuild, struct segment_reader *reader,
			  const struct layer_facts *facts, size_t pieces,
			  struct segment_list *segments, struct error *error)
{
	struct segment *segment = pin(rebuild, &facts->placement.segment);
	struct placement placement AUTO(placement_fini) = {0};
	if (!segment)
		return error_set(error, ERR_DAMAGED,
				 "its placement's segment is not there");
	int err = segment_reader_load_single(reader, segment, facts->placement.offset,
					     FRAME_PLACEMENT, error);
	if (!err)
		err = placement_decode(reader->raw, reader->header.raw_len, pieces,
				       &placement, error);
	unpin(rebuild, reader, segment);
	for (size_t i = 0; !err && i < placement.segments.count; i++)
		(void)segment_list_put(segments, &placement.segments.ids[i]);
	if (!err && !placement.is_exact)
		name_all(rebuild, facts, segments);
	return err;
}

/* A layer whose root or placement cannot be read is there all the same: that it was is
 * better known than forgotten, and other copies may be found. */
static void name_segments(struct rebuild *rebuild, struct segment_reader *reader,
			  const struct scanned_layer *layer,
			  struct restored_layer *ret_layer)
{
	const struct layer_facts *facts = &layer->facts;
	struct segment_list segments = {0};
	struct error error;
	size_t pieces = 0;
	(void)segment_list_put(&segments, &facts->root.segment);
	(void)segment_list_put(&segments, &facts->placement.segment);
	(void)segment_list_put(&segments, &layer->segment);
	int err = load_root(rebuild, reader, facts, &pieces, &error);
	if (!err)
		err = load_placement(rebuild, reader, facts, pieces, &segments, &error);
	if (err) {
		char name[LAYER_ID_TEXT_SIZE];
		layer_id_text(facts->name, name);
		rebuild->figures.unreadable++;
		name_all(rebuild, facts, &segments);
		health_note(&rebuild->store.health, "layer %s: %s", name, error.text);
	}
	*ret_layer = (struct restored_layer){facts, segments.ids, segments.count};
}

static void name_all_segments(struct rebuild *rebuild)
{
	struct segment_reader reader AUTO(segment_reader_fini);
	segment_reader_init(&reader, rebuild->store.io);
	for (size_t i = 0; i < rebuild->row_count; i++)
		segment_table_add(rebuild->store.segments, &rebuild->rows[i],
				  &rebuild->holes[i]);
	rebuild->restored =
		must_calloc(rebuild->layer_count + 1, sizeof(*rebuild->restored));
	for (size_t i = 0; i < rebuild->layer_count; i++)
		name_segments(rebuild, &reader, rebuild->layers[i],
			      &rebuild->restored[i]);
	segment_reader_forget(&reader);
}

/* ---- the new catalogue ----------------------------------------------------------- */

static int write_catalogue(struct rebuild *rebuild, const char *directory,
			   struct error *error)
{
	struct catalogue *catalogue;
	const struct restoration restoration = {
		.layers = rebuild->restored,
		.layer_count = rebuild->layer_count,
		.segments = rebuild->rows,
		.holes = rebuild->holes,
		.segment_count = rebuild->row_count,
	};
	int err = catalogue_open(rebuild->store.io, directory, &catalogue, error);
	if (err)
		return err;
	err = catalogue_restore(catalogue, &restoration, &rebuild->figures.rows, error);
	if (!err && rebuild->mark.store)
		err = catalogue_restore_mark(catalogue, &rebuild->mark, error);
	struct error other;
	int closed = catalogue_close(catalogue, &other);
	if (!err && closed)
		*error = other;
	return err ? err : closed;
}

/* How many executions the frames know of that they do not tell of. */
static void count_untold(struct rebuild *rebuild)
{
	uint64_t untold = 0;
	for (size_t i = 0; i < rebuild->layer_count; i++) {
		const struct layer_facts *facts = &rebuild->layers[i]->facts;
		uint64_t missing = facts->others_in_all > facts->other_count
					   ? facts->others_in_all - facts->other_count
					   : 0;
		untold = missing > untold ? missing : untold;
	}
	rebuild->figures.executions_untold = untold;
}

/* ---- the whole ------------------------------------------------------------------- */

static int open_directory(struct rebuild *rebuild, struct error *error)
{
	struct store *store = &rebuild->store;
	store->directory_fd =
		io_open(store->io, AT_FDCWD, store->directory, O_RDONLY | O_DIRECTORY, 0);
	if (store->directory_fd >= 0)
		store->segments_fd = io_open(store->io, store->directory_fd, "segments",
					     O_RDONLY | O_DIRECTORY, 0);
	if (store->segments_fd < 0)
		return error_set_errno(error, errno == ENOENT ? ERR_NOT_FOUND : ERR_LOCAL,
				       errno, "`%s`: holds no segments",
				       store->directory);
	int err = recovery_lock(store, error);
	return err ? err : recovery_check_version(store, error);
}

static int read_segments(struct rebuild *rebuild, struct error *error)
{
	int err = scan_run(&rebuild->store, &rebuild->scan, error);
	if (err)
		return err;
	if (rebuild->scan.file_count == 0)
		return error_set(error, ERR_NOT_FOUND, "`%s/segments`: holds no segment",
				 rebuild->store.directory);
	name_store(rebuild);
	leave_foreign(rebuild);
	choose_layers(rebuild);
	choose_files(rebuild);
	rebuild->store.segments =
		segment_table_new(rebuild->store.io, rebuild->store.segments_fd);
	name_all_segments(rebuild);
	(void)segment_table_free(rebuild->store.segments);
	count_untold(rebuild);
	return 0;
}

static int run(struct rebuild *rebuild, struct error *error)
{
	const char *into = rebuild->options->into;
	struct aside aside AUTO(aside_fini) = {.store = &rebuild->store};
	int err = open_directory(rebuild, error);
	if (!err)
		err = read_segments(rebuild, error);
	if (!err)
		err = into ? aside_make_into(&aside, into, error)
			   : aside_make(&aside, error);
	if (!err)
		err = write_catalogue(rebuild, aside.scratch, error);
	if (!err && !into)
		err = aside_exchange(&aside, rebuild->figures.aside,
				     sizeof(rebuild->figures.aside), error);
	return err;
}

int rebuild_run(const struct rebuild_options *options,
		struct rebuild_figures *ret_figures, struct error *error)
{
	char *directory AUTO_FREE = must_strdup(options->directory);
	struct rebuild rebuild AUTO(rebuild_fini) = {
		.options = options,
		.store = {.io = options->io ? options->io : &io_system,
			  .directory = directory,
			  .directory_fd = -1,
			  .segments_fd = -1,
			  .lock_fd = -1,
			  .health = {.on_note = options->on_note,
				     .context = options->context}},
	};
	int err = run(&rebuild, error);
	if (!err)
		*ret_figures = rebuild.figures;
	return err;
}
