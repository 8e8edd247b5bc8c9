#include "daemon/tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/bytes.h"
#include "proto/path.h"

struct tree_source {
	const struct tree *tree; /* borrowed */
	uint32_t layer;          /* position in the history */
	struct layer_reader *reader;
	char *path; /* owned; with by_job: the prefix, then the current row's path */
	size_t prefix_len;
	uint64_t mentions;      /* unit mentions up to and with the current row */
	uint64_t first_mention; /* of the current row */
};

struct tree {
	const struct catalogue_history *history; /* borrowed */
	const struct tree_options *options;      /* borrowed */
	struct tree_source *sources;             /* owned; the view's, then shadows */
	struct merge_source *merge_sources;      /* owned, with their lists */
	size_t count;
	struct merge_options merge_options;
	struct merge *merge; /* owned */
};

/* ---- one source's rows
 * -------------------------------------------------------------------- */

static bool row_is_wanted(const struct tree_options *options, const struct row *row)
{
	bool is_dir = row->type == ROW_DIRECTORY;
	if (options->only.count &&
	    !glob_set_matches(&options->only, row->path, row->path_len, is_dir))
		return false;
	return !options->exclude.count ||
	       !glob_set_matches(&options->exclude, row->path, row->path_len, is_dir);
}

static int put_prefix(struct tree_source *source, struct row *row, struct error *error)
{
	size_t len = source->prefix_len + row->path_len;
	if (len > PATH_LEN_MAX)
		return error_set(
			error, ERR_LIMIT,
			"`%.200s…`: with its job in front the path is longer than "
			"%u bytes",
			row->path, PATH_LEN_MAX);
	memcpy(source->path + source->prefix_len, row->path, row->path_len);
	row->path = source->path;
	row->path_len = len;
	return 0;
}

static int next_row(void *context, struct row *ret_row, struct error *error)
{
	struct tree_source *source = context;
	int code = 0;
	do {
		code = layer_reader_next(source->reader, ret_row, error);
		if (code != 1)
			return code;
		source->first_mention = source->mentions;
		source->mentions += ret_row->unit_count;
	} while (!row_is_wanted(source->tree->options, ret_row));
	code = source->path ? put_prefix(source, ret_row, error) : 0;
	return code ? code : 1;
}

static void make_prefix(struct tree_source *source, const struct layer_record *record)
{
	char *job = path_component_of(record->job, strlen(record->job));
	bool has_shard = record->shard && *record->shard;
	char *shard = has_shard ? path_component_of(record->shard, strlen(record->shard))
				: must_strdup("");
	source->path = must_alloc(PATH_LEN_MAX + 8 * NAME_LEN_MAX);
	source->prefix_len = (size_t)sprintf(source->path, "%s/%s%s", job, shard,
					     has_shard ? "/" : "");
	free(job);
	free(shard);
}

/* ---- which sources, and who comes before whom
 * ------------------------------------------- */

struct bit_rows {
	uint64_t *words; /* owned; count rows of row_words words */
	size_t row_words;
};

static bool bit_get(const struct bit_rows *bits, size_t row, size_t column)
{
	return bits->words[row * bits->row_words + column / 64] >> (column % 64) & 1;
}

static void bit_set(struct bit_rows *bits, size_t row, size_t column)
{
	bits->words[row * bits->row_words + column / 64] |= 1ull << (column % 64);
}

static void bit_or(struct bit_rows *bits, size_t into, size_t from)
{
	for (size_t i = 0; i < bits->row_words; i++)
		bits->words[into * bits->row_words + i] |=
			bits->words[from * bits->row_words + i];
}

/* Adds layers as sources: the view's in order, then their bases that are not among them,
 * and the bases of those. position_of: source position of each layer of the history. */
static void collect_sources(struct tree *tree, const struct view *view, bool shadows,
			    uint32_t *position_of)
{
	const struct history *history = &tree->history->history;
	for (size_t i = 0; i < history->layer_count; i++)
		position_of[i] = VIEW_NONE;
	for (size_t i = 0; i < view->layer_count; i++) {
		tree->sources[tree->count].layer = view->layers[i].layer;
		position_of[view->layers[i].layer] = (uint32_t)tree->count++;
	}
	for (size_t at = 0; shadows && at < tree->count; at++) {
		const struct history_layer *layer =
			&history->layers[tree->sources[at].layer];
		for (size_t i = 0; i < layer->base_count; i++) {
			uint32_t base = layer->bases[i];
			if (position_of[base] != VIEW_NONE)
				continue;
			tree->sources[tree->count].layer = base;
			position_of[base] = (uint32_t)tree->count++;
		}
	}
}

static int compare_commits(const void *a, const void *b, void *context)
{
	const struct tree *tree = context;
	const struct history_layer *layers = tree->history->history.layers;
	uint64_t left = layers[tree->sources[*(const uint32_t *)a].layer].commit;
	uint64_t right = layers[tree->sources[*(const uint32_t *)b].layer].commit;
	return left < right ? -1 : left > right;
}

/* What was attached, or persisted earlier by the same execution, comes before: facts that
 * always point back in commit order, so one pass closes them. */
static void relate_by_facts(struct tree *tree, const uint32_t *position_of,
			    const uint32_t *by_commit, struct bit_rows *before)
{
	const struct history_layer *layers = tree->history->history.layers;
	for (size_t i = 0; i < tree->count; i++) {
		uint32_t at = by_commit[i];
		const struct history_layer *layer = &layers[tree->sources[at].layer];
		for (size_t k = 0; k < i; k++) {
			const struct history_layer *earlier =
				&layers[tree->sources[by_commit[k]].layer];
			if (earlier->execution == layer->execution) {
				bit_set(before, at, by_commit[k]);
				bit_or(before, at, by_commit[k]);
			}
		}
		for (size_t k = 0; k < layer->base_count; k++) {
			uint32_t base = position_of[layer->bases[k]];
			if (base == VIEW_NONE || base == at)
				continue;
			bit_set(before, at, base);
			bit_or(before, at, base);
		}
	}
}

static void put_before(struct tree *tree, const struct view *view, size_t at,
		       const struct bit_rows *before)
{
	struct merge_source *source = &tree->merge_sources[at];
	uint32_t *list = must_alloc((tree->count + 1) * sizeof(*list));
	for (uint32_t i = 0; i < tree->count; i++) {
		bool in_view = at < view->layer_count && i < view->layer_count;
		if (in_view ? view_is_before(view, i, (uint32_t)at)
			    : bit_get(before, at, i))
			list[source->before_count++] = i;
	}
	source->before = list;
}

static int compare_numbers(const void *a, const void *b)
{
	uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
	return left < right ? -1 : left > right;
}

static void put_bases(struct tree *tree, size_t at, const uint32_t *position_of)
{
	struct merge_source *source = &tree->merge_sources[at];
	const struct history_layer *layer =
		&tree->history->history.layers[tree->sources[at].layer];
	uint32_t *list = must_alloc((layer->base_count + 1) * sizeof(*list));
	for (size_t i = 0; i < layer->base_count; i++) {
		uint32_t base = position_of[layer->bases[i]];
		if (base != VIEW_NONE && base != at)
			list[source->base_count++] = base;
	}
	qsort(list, source->base_count, sizeof(*list), compare_numbers);
	source->bases = list;
}

static void relate(struct tree *tree, const struct view *view,
		   const uint32_t *position_of)
{
	struct bit_rows before = {.row_words = (tree->count + 63) / 64};
	before.words =
		must_calloc(tree->count * before.row_words + 1, sizeof(*before.words));
	uint32_t *by_commit = must_alloc((tree->count + 1) * sizeof(*by_commit));
	for (uint32_t i = 0; i < tree->count; i++)
		by_commit[i] = i;
	qsort_r(by_commit, tree->count, sizeof(*by_commit), compare_commits, tree);
	relate_by_facts(tree, position_of, by_commit, &before);
	for (size_t at = 0; at < tree->count; at++) {
		put_before(tree, view, at, &before);
		put_bases(tree, at, position_of);
	}
	free(by_commit);
	free(before.words);
}

/* ---- opening
 * ------------------------------------------------------------------------------- */

static int open_source(struct tree *tree, struct store *store, size_t at,
		       size_t view_count, struct error *error)
{
	struct tree_source *source = &tree->sources[at];
	const struct layer_record *record = &tree->history->records[source->layer];
	source->tree = tree;
	if (tree->options->by_job)
		make_prefix(source, record);
	tree->merge_sources[at].cursor =
		(struct merge_cursor){.next = next_row, .context = source};
	tree->merge_sources[at].job = record->job;
	tree->merge_sources[at].shadow = at >= view_count;
	return layer_reader_open(store, record->id, &source->reader, error);
}

int tree_open(struct store *store, const struct catalogue_history *history,
	      const struct view *view, const struct tree_options *options,
	      struct tree **ret_tree, struct error *error)
{
	struct tree *tree = must_calloc(1, sizeof(*tree));
	size_t room = history->history.layer_count + 1;
	tree->history = history;
	tree->options = options;
	tree->sources = must_calloc(room, sizeof(*tree->sources));
	tree->merge_sources = must_calloc(room, sizeof(*tree->merge_sources));
	tree->merge_options = options->merge;
	if (options->by_job)
		tree->merge_options.on_conflict = ON_CONFLICT_LAST;
	uint32_t *position_of = must_alloc(room * sizeof(*position_of));
	collect_sources(tree, view, view->layer_count > 1 && !options->by_job,
			position_of);
	relate(tree, view, position_of);
	free(position_of);
	int code = 0;
	for (size_t i = 0; code == 0 && i < tree->count; i++)
		code = open_source(tree, store, i, view->layer_count, error);
	if (code) {
		tree_free(tree);
		return code;
	}
	tree->merge = merge_new(tree->merge_sources, tree->count, &tree->merge_options);
	*ret_tree = tree;
	return 0;
}

void tree_free(struct tree *tree)
{
	if (!tree)
		return;
	merge_free(tree->merge);
	for (size_t i = 0; i < tree->count; i++) {
		layer_reader_free(tree->sources[i].reader);
		free(tree->sources[i].path);
		free((void *)(uintptr_t)tree->merge_sources[i].before);
		free((void *)(uintptr_t)tree->merge_sources[i].bases);
	}
	free(tree->sources);
	free(tree->merge_sources);
	free(tree);
}

int tree_next(struct tree *tree, struct merged_row *ret_row, struct error *error)
{
	return merge_next(tree->merge, ret_row, error);
}

int tree_place(struct tree *tree, const struct merged_row *row, size_t unit,
	       struct frame_place *ret_place, struct error *error)
{
	/* The source's cursor still stands at the row (merge.h: borrowed until the next
	 * call), so its mention numbers are the row's, whatever the filters left out. */
	struct tree_source *source = &tree->sources[row->source];
	return layer_reader_place(source->reader, source->first_mention + unit, ret_place,
				  error);
}

const struct merge *tree_merge(const struct tree *tree)
{
	return tree->merge;
}
