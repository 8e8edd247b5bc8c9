#include <stdlib.h>

#include "daemon/merge/parts.h"
#include "proto/base/bytes.h"

/* The mode that an attach gives a directory without a row. */
#define IMPLICIT_MODE 0755

/* ---- candidates ---- */

/* Directories equal directories, whatever their modes (rule 3). */
static bool agree(const struct merge *merge, uint32_t a, uint32_t b)
{
	bool directory = merge_is_directory(merge, a);
	if (directory || merge_is_directory(merge, b))
		return directory && merge_is_directory(merge, b);
	return row_equal(&merge->heads[a].row, &merge->heads[b].row);
}

static bool all_agree(const struct merge *merge)
{
	for (size_t i = 1; i < merge->candidate_count; i++)
		if (!agree(merge, merge->candidates[0], merge->candidates[i]))
			return false;
	return true;
}

bool merge_is_named(const char *name, const char *job, const char *shard)
{
	size_t len = strlen(job);
	if (strncmp(name, job, len) != 0)
		return false;
	return !name[len] || (name[len] == '/' && strcmp(name + len + 1, shard) == 0);
}

static bool is_a_job(const struct merge *merge, const char *name)
{
	for (size_t i = 0; i < merge->count; i++)
		if (!merge->sources[i].shadow && strcmp(merge->sources[i].job, name) == 0)
			return true;
	return false;
}

/* If there is a job called `a/b`, the name `a/b` means it and not shard `b` of job
 * `a`. */
static bool is_preferred(const struct merge *merge, uint32_t rank, const char *name)
{
	const struct merge_source *source = merge_source_at(merge, rank);
	if (!merge_is_named(name, source->job, source->shard))
		return false;
	return strcmp(name, source->job) == 0 || !is_a_job(merge, name);
}

/* Keeps only the candidates of the first preferred job or shard that has any. */
static void keep_preferred(struct merge *merge)
{
	size_t kept = 0;
	for (size_t i = 0; kept == 0 && i < merge->options->prefer_count; i++)
		for (size_t k = 0; k < merge->candidate_count; k++)
			if (is_preferred(merge, merge->candidates[k],
					 merge->options->prefer[i]))
				merge->candidates[kept++] = merge->candidates[k];
	if (kept > 0)
		merge->candidate_count = kept;
}

/* Keeps only the candidates that agree with the one at `at`. */
static void keep_agreeing(struct merge *merge, size_t at)
{
	uint32_t winner = merge->candidates[at];
	size_t kept = 0;
	for (size_t i = 0; i < merge->candidate_count; i++)
		if (agree(merge, winner, merge->candidates[i]))
			merge->candidates[kept++] = merge->candidates[i];
	merge->candidate_count = kept;
}

static bool differ_in_mode(const struct merge *merge)
{
	struct row first = merge->heads[merge->candidates[0]].row;
	for (size_t i = 0; i < merge->candidate_count; i++) {
		uint32_t rank = merge->candidates[i];
		if (merge_is_directory(merge, rank))
			return false;
		first.mode = merge->heads[rank].row.mode;
		if (!row_equal(&first, &merge->heads[rank].row))
			return false;
	}
	return true;
}

static void collect_conflict(struct merge *merge, const struct row *path)
{
	for (size_t i = 0; i < merge->candidate_count; i++)
		merge->disputed[i] = merge->source_of[merge->candidates[i]];
	merge->disputed_count = merge->candidate_count;
	struct merge_conflict *conflict =
		merge_conflict_add(merge, path->path, path->path_len, merge->disputed,
				   merge->disputed_count);
	if (conflict)
		conflict->of_mode = differ_in_mode(merge);
}

/* Keeps the candidates that on_conflict chooses, which agree. False: it is an error, and
 * the path gets no row. */
static bool settle(struct merge *merge, const struct row *path)
{
	size_t last = merge->candidate_count - 1;
	switch (merge->options->on_conflict) {
	case ON_CONFLICT_FIRST:
		keep_agreeing(merge, 0);
		return true;
	case ON_CONFLICT_LAST:
		keep_agreeing(merge, last);
		return true;
	case ON_CONFLICT_MARK:
		collect_conflict(merge, path);
		keep_agreeing(merge, last);
		return true;
	case ON_CONFLICT_ERROR:
		break;
	}
	collect_conflict(merge, path);
	return false;
}

/* ---- rows ---- */

static int give(const struct merge *merge, uint32_t rank, struct merged_row *ret_row)
{
	*ret_row = (struct merged_row){
		.row = merge->heads[rank].row,
		.source = merge->source_of[rank],
		.first_unit = merge->heads[rank].first_unit,
		.conflict = merge->disputed_count > 0,
		.conflict_sources = merge->disputed,
		.conflict_source_count = merge->disputed_count,
	};
	return 1;
}

/* Gives the row of the last directory that has one. Where none has, a row is made only if
 * there is a conflict to mark. */
static int give_directory(const struct merge *merge, const struct row *path,
			  struct merged_row *ret_row)
{
	for (size_t i = merge->candidate_count; i-- > 0;)
		if (!merge->heads[merge->candidates[i]].implicit)
			return give(merge, merge->candidates[i], ret_row);
	if (merge->disputed_count == 0)
		return 0;
	(void)give(merge, merge->candidates[merge->candidate_count - 1], ret_row);
	ret_row->row = (struct row){
		.path = path->path,
		.path_len = path->path_len,
		.type = ROW_DIRECTORY,
		.mode = IMPLICIT_MODE,
	};
	return 1;
}

static bool is_earlier(struct row_time a, struct row_time b)
{
	return a.seconds != b.seconds ? a.seconds < b.seconds
				      : a.nanoseconds < b.nanoseconds;
}

static int give_equal(const struct merge *merge, struct merged_row *ret_row)
{
	struct row_time earliest = merge->heads[merge->candidates[0]].row.time;
	for (size_t i = 1; i < merge->candidate_count; i++) {
		struct row_time time = merge->heads[merge->candidates[i]].row.time;
		if (is_earlier(time, earliest))
			earliest = time;
	}
	(void)give(merge, merge->candidates[0], ret_row);
	ret_row->row.time = earliest;
	return 1;
}

/* ---- directory against something else (rule 5) ---- */

static bool comes_before_candidate(const struct merge *merge, uint32_t rank)
{
	for (size_t i = 0; i < merge->candidate_count; i++)
		if (bits_has(merge_before(merge, merge->candidates[i]), rank))
			return true;
	return false;
}

/* Whether something else than a directory replaced this one before the winners did. */
static bool was_replaced(const struct merge *merge, uint32_t directory)
{
	for (size_t i = 0; i < merge->group_len; i++) {
		uint32_t other = merge->group[i];
		if (!merge_is_directory(merge, other) &&
		    !merge_source_at(merge, other)->shadow &&
		    bits_has(merge->changed, other) &&
		    bits_has(merge_before(merge, other), directory) &&
		    comes_before_candidate(merge, other))
			return true;
	}
	return false;
}

static int pass_replaced(struct merge *merge, const struct row *path, struct error *error)
{
	for (size_t i = 0; i < merge->group_len; i++) {
		uint32_t rank = merge->group[i];
		if (!merge_is_directory(merge, rank) || !was_replaced(merge, rank))
			continue;
		int err = merge_pass(merge, rank, path, error);
		if (err < 0)
			return err;
	}
	return 0;
}

/* A file or link won: nothing below it is given. Directories that are unchanged here, and
 * that it did not replace, lost without a conflict; they are watched, because a change
 * below them is one. */
static void block(struct merge *merge, const struct row *path, bool disputed)
{
	merge->blocking = true;
	merge->blocked = must_realloc(merge->blocked, path->path_len);
	memcpy(merge->blocked, path->path, path->path_len);
	merge->blocked_len = path->path_len;
	merge->blocker = merge->candidates[0];
	merge->watching = false;
	bits_clear(merge->watched, merge->words);
	for (size_t i = 0; !disputed && i < merge->group_len; i++) {
		uint32_t rank = merge->group[i];
		if (!merge_is_directory(merge, rank) ||
		    merge_source_at(merge, rank)->shadow ||
		    comes_before_candidate(merge, rank))
			continue;
		bits_add(merge->watched, rank);
		merge->watching = true;
	}
}

/* Whether the options would have let the blocker win over this one. */
static bool blocker_wins(const struct merge *merge, uint32_t rank)
{
	const struct merge_options *options = merge->options;
	for (size_t i = 0; i < options->prefer_count; i++) {
		if (is_preferred(merge, merge->blocker, options->prefer[i]))
			return true;
		if (is_preferred(merge, rank, options->prefer[i]))
			return false;
	}
	return options->on_conflict == ON_CONFLICT_FIRST ||
	       options->on_conflict == ON_CONFLICT_LAST;
}

void merge_path_below_blocked(struct merge *merge)
{
	if (!merge->watching)
		return;
	merge_weigh(merge);
	uint32_t *disputed = merge->disputed;
	disputed[0] = merge->source_of[merge->blocker];
	size_t count = 1;
	for (size_t i = 0; i < merge->group_len; i++) {
		uint32_t rank = merge->group[i];
		if (bits_has(merge->watched, rank) && bits_has(merge->changed, rank) &&
		    !blocker_wins(merge, rank))
			disputed[count++] = merge->source_of[rank];
	}
	if (count == 1)
		return;
	qsort(disputed, count, sizeof(*disputed), merge_compare_u32);
	(void)merge_conflict_add(merge, merge->blocked, merge->blocked_len, disputed,
				 count);
	merge->watching = false;
}

/* ---- one path ---- */

/* The row of something else than a directory, shadows aside; NULL for none. */
static const struct row *other_than_directory(const struct merge *merge)
{
	for (size_t i = 0; i < merge->group_len; i++)
		if (!merge_is_directory(merge, merge->group[i]) &&
		    !merge_source_at(merge, merge->group[i])->shadow)
			return &merge->heads[merge->group[i]].row;
	return NULL;
}

static bool any_directory(const struct merge *merge)
{
	for (size_t i = 0; i < merge->group_len; i++)
		if (merge_is_directory(merge, merge->group[i]))
			return true;
	return false;
}

static bool only_shadows(const struct merge *merge)
{
	for (size_t i = 0; i < merge->group_len; i++)
		if (!merge_source_at(merge, merge->group[i])->shadow)
			return false;
	return true;
}

static int give_winner(struct merge *merge, const struct row *path, bool disputed,
		       struct merged_row *ret_row, struct error *error)
{
	bool mixed = other_than_directory(merge) && any_directory(merge);
	if (!merge_is_directory(merge, merge->candidates[0])) {
		if (mixed)
			block(merge, path, disputed);
		return give_equal(merge, ret_row);
	}
	int err = mixed ? pass_replaced(merge, path, error) : 0;
	return err < 0 ? err : give_directory(merge, path, ret_row);
}

int merge_path_decide(struct merge *merge, struct merged_row *ret_row,
		      struct error *error)
{
	if (only_shadows(merge))
		return 0;
	/* Borrowed from a head that is not advanced while those of directories are. */
	const struct row *path = other_than_directory(merge);
	if (path)
		merge_add_implicit(merge);
	else
		path = &merge->heads[merge->group[0]].row;
	merge->disputed_count = 0;
	if (merge->group_len == 1)
		return give(merge, merge->group[0], ret_row);
	merge_weigh(merge);
	merge_weigh_candidates(merge);
	bool disputed = !all_agree(merge);
	if (disputed)
		keep_preferred(merge);
	if (!all_agree(merge) && !settle(merge, path))
		return 0;
	return give_winner(merge, path, disputed, ret_row, error);
}
