#include "daemon/workspace/overlap.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/array.h"
#include "proto/base/memory.h"
#include "proto/path/path.h"

void overlap_fini(struct overlap *overlap)
{
	for (size_t i = 0; i < overlap->count; i++)
		free(overlap->paths[i].path);
	free(overlap->paths);
	*overlap = (struct overlap){0};
}

static int add(struct overlap *overlap, const struct row *row, bool is_of_mode,
	       struct error *error)
{
	if (array_may_make_room(overlap->paths, overlap->count, overlap->room, error))
		return ERR_NO_MEMORY;
	char *path = may_alloc(row->path_len, error);
	if (!path)
		return ERR_NO_MEMORY;
	memcpy(path, row->path, row->path_len);
	overlap->paths[overlap->count++] = (struct overlap_path){
		.path = path, .len = row->path_len, .is_of_mode = is_of_mode};
	overlap->full = overlap->count == OVERLAP_PATHS_MAX;
	return 0;
}

static int compare_paths(const void *a, const void *b)
{
	const struct overlap_path *one = a, *other = b;
	return path_compare(one->path, one->len, other->path, other->len);
}

static void sort(struct overlap *overlap)
{
	if (overlap->count == 0)
		return;
	struct overlap_path *paths = overlap->paths;
	qsort(paths, overlap->count, sizeof(*paths), compare_paths);
	size_t kept = 1;
	for (size_t i = 1; i < overlap->count; i++) {
		struct overlap_path *last = &paths[kept - 1];
		bool covered =
			compare_paths(last, &paths[i]) == 0 ||
			path_below(paths[i].path, paths[i].len, last->path, last->len);
		if (!covered) {
			paths[kept++] = paths[i];
			continue;
		}
		last->is_of_mode = last->is_of_mode && paths[i].is_of_mode;
		free(paths[i].path);
	}
	overlap->count = kept;
}

bool overlap_is_of_mode(const struct overlap *overlap, const char *path, size_t len)
{
	struct overlap_path key = {.path = (char *)(uintptr_t)path, .len = len};
	const struct overlap_path *found = NULL;
	if (overlap->count > 0)
		found = bsearch(&key, overlap->paths, overlap->count,
				sizeof(*overlap->paths), compare_paths);
	return found && found->is_of_mode;
}

/* ---- walking through both ------------------------------------------------------ */

struct overlap_side {
	struct layer_reader *reader; /* borrowed */
	struct row row;
	int has; /* 1: row is the next one; 0: it is still to be read, or none is left */
};

/* Skips pieces that are the same in both layers. */
static void skip_equal(struct overlap_side *one, struct overlap_side *other)
{
	while (!one->has && !other->has) {
		const struct unit_name *a = layer_reader_next_piece(one->reader);
		const struct unit_name *b = layer_reader_next_piece(other->reader);
		if (!a || !b || !unit_name_equal(a, b))
			return;
		layer_reader_skip_piece(one->reader);
		layer_reader_skip_piece(other->reader);
	}
}

static int fetch(struct overlap_side *side, struct error *error)
{
	if (side->has)
		return 1;
	side->has = layer_reader_next(side->reader, &side->row, error);
	return side->has;
}

static bool is_below(const struct row *row, const struct row *above)
{
	return path_below(row->path, row->path_len, above->path, above->path_len);
}

/* Steps over the row of the side that is behind. If it is no directory and the other
 * side's row is below it, they differ there. */
static int pass(struct overlap_side *behind, const struct overlap_side *ahead,
		struct overlap *overlap, struct error *error)
{
	int err = 0;
	if (behind->row.type != ROW_DIRECTORY && is_below(&ahead->row, &behind->row))
		err = add(overlap, &behind->row, false, error);
	behind->has = 0;
	return err ? err
		   : layer_reader_skip_to(behind->reader, ahead->row.path,
					  ahead->row.path_len, error);
}

static bool differs_in_mode(const struct row *one, const struct row *other)
{
	struct row same = *other;
	same.mode = one->mode;
	return row_equal(one, &same);
}

static int step(struct overlap_side *one, struct overlap_side *other,
		struct overlap *overlap, struct error *error)
{
	int order = path_compare(one->row.path, one->row.path_len, other->row.path,
				 other->row.path_len);
	if (order < 0)
		return pass(one, other, overlap, error);
	if (order > 0)
		return pass(other, one, overlap, error);
	bool directories = one->row.type == ROW_DIRECTORY &&
			   other->row.type == ROW_DIRECTORY;
	int err = 0;
	if (!directories && !row_equal(&one->row, &other->row))
		err = add(overlap, &one->row, differs_in_mode(&one->row, &other->row),
			  error);
	one->has = other->has = 0;
	return err;
}

static int find_between(struct layer_reader *one, struct layer_reader *other,
			struct overlap *overlap, struct error *error)
{
	struct overlap_side a = {.reader = one}, b = {.reader = other};
	layer_reader_rewind(one);
	layer_reader_rewind(other);
	int err = 0;
	while (err == 0 && !overlap->full) {
		skip_equal(&a, &b);
		int got = fetch(&a, error);
		if (got == 1)
			got = fetch(&b, error);
		if (got != 1)
			return got;
		err = step(&a, &b, overlap, error);
	}
	return err;
}

bool overlap_is_woken(int wake_fd)
{
	struct pollfd wake = {.fd = wake_fd, .events = POLLIN};
	return poll(&wake, 1, 0) > 0;
}

int overlap_find(struct store *store, int64_t own, const int64_t *others, size_t count,
		 int wake_fd, struct overlap *overlap, struct error *error)
{
	struct layer_reader *reader = NULL;
	struct layer_scratch *scratch = layer_scratch_new(store);
	int err = layer_reader_open(store, own, scratch, &reader, error);
	for (size_t i = 0; err == 0 && i < count && !overlap_is_woken(wake_fd); i++) {
		struct layer_reader *other = NULL;
		err = layer_reader_open(store, others[i], scratch, &other, error);
		if (err == 0)
			err = find_between(reader, other, overlap, error);
		layer_reader_free(other);
	}
	layer_reader_free(reader);
	layer_scratch_free(scratch);
	sort(overlap);
	return err;
}
