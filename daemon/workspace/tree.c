#include "daemon/workspace/tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/merge/sources.h"
#include "daemon/store/catalogue/catalogue.h"
#include "daemon/workspace/leading.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "proto/message/short_name.h"
#include "proto/path/path.h"

/* Of one source: what a small one takes, what each row adds, and where that ends, because
 * a frame of pieces is full; what the root and the placement of a large one add for a row
 * is a fraction of a byte. */
#define SOURCE_LEN_MIN (32u * 1024u)
#define SOURCE_ROW_LEN 40u
#define SOURCE_LEN_MAX (768u * 1024u)
#define SOURCE_ROWS_OF_BYTE 4u

struct tree_source {
	const struct view_tree *tree; /* borrowed */
	struct layer_reader *reader;
	char *path; /* owned; with by_job: the prefix, then the current row's path */
	size_t prefix_len;
	size_t within; /* the path of options.within that is next */
};

struct view_tree {
	const struct catalogue_history *history; /* borrowed */
	const struct tree_options *options;      /* borrowed */
	struct layer_scratch *scratch;           /* owned */
	struct tree_source *sources;             /* owned; the view's, then shadows */
	struct merge_sources merge_sources; /* owned; the same, as the merge sees them */
	size_t view_count;                  /* of them are the view's */
	struct merge *merge;                /* owned */
	const char **sharded; /* owned; with by_job: jobs of shards in the view, sorted */
	size_t sharded_count;
	struct leading leading;
	struct merged_row
		due; /* a row, once what leads to it is given; or without path */
};

/* ---- one source's rows ---- */

static bool row_is_taken(const struct tree_options *options, const struct row *row)
{
	return glob_filter_takes_all(&options->filter) ||
	       glob_filter_takes(&options->filter, row->path, row->path_len,
				 row->type == ROW_DIRECTORY);
}

static bool row_may_lead(const struct tree_options *options, const struct row *row)
{
	return options->parents && row->type == ROW_DIRECTORY &&
	       glob_filter_enters(&options->filter, row->path, row->path_len);
}

static bool row_is_wanted(const struct tree_options *options, const struct row *row)
{
	return row_is_taken(options, row) || row_may_lead(options, row);
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

/* The next row at, above or below one of the paths: 1, 0 at the end, <0. */
static int next_within(struct tree_source *source, const struct overlap *within,
		       struct row *ret_row, struct error *error)
{
	while (source->within < within->count) {
		const struct overlap_path *path = &within->paths[source->within];
		int result = layer_reader_next(source->reader, ret_row, error);
		if (result != 1)
			return result;
		int order = path_compare(ret_row->path, ret_row->path_len, path->path,
					 path->len);
		for (; order > 0 && !path_below(ret_row->path, ret_row->path_len,
						path->path, path->len);
		     path++) {
			if (++source->within == within->count)
				return 0;
			order = path_compare(ret_row->path, ret_row->path_len,
					     path[1].path, path[1].len);
		}
		if (order >= 0 ||
		    path_below(path->path, path->len, ret_row->path, ret_row->path_len))
			return 1;
		result = layer_reader_skip_to(source->reader, path->path, path->len,
					      error);
		if (result)
			return result;
	}
	return 0;
}

static int read_row(struct tree_source *source, struct row *ret_row, struct error *error)
{
	const struct overlap *within = source->tree->options->within;
	return within ? next_within(source, within, ret_row, error)
		      : layer_reader_next(source->reader, ret_row, error);
}

static int next_row(void *context, struct row *ret_row, struct error *error)
{
	struct tree_source *source = context;
	int result = 0;
	do {
		result = read_row(source, ret_row, error);
		if (result != 1)
			return result;
	} while (!row_is_wanted(source->tree->options, ret_row));
	result = source->path ? put_prefix(source, ret_row, error) : 0;
	return result ? result : 1;
}

/* ---- by job ---- */

static int compare_jobs(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int list_sharded(struct view_tree *tree, size_t view_count, struct error *error)
{
	tree->sharded = may_calloc(view_count + 1, sizeof(*tree->sharded), error);
	if (!tree->sharded)
		return ERR_NO_MEMORY;
	for (size_t i = 0; i < view_count; i++) {
		const struct layer_record *record =
			&tree->history->records[tree->merge_sources.layers[i]];
		if (*record->shard)
			tree->sharded[tree->sharded_count++] = record->job;
	}
	qsort(tree->sharded, tree->sharded_count, sizeof(*tree->sharded), compare_jobs);
	return 0;
}

/* Whether the job has shards in the view. Then its layers without a shard get a name like
 * one: directly in JOB/ their paths could be equal to those of the shards. */
static bool has_shards(const struct view_tree *tree, const struct layer_record *record)
{
	return *record->shard || bsearch(&record->job, tree->sharded, tree->sharded_count,
					 sizeof(*tree->sharded), compare_jobs);
}

static void make_prefix(struct tree_source *source, const struct layer_record *record)
{
	char *job AUTO_FREE = short_component_of(record->job);
	bool has_shard = has_shards(source->tree, record);
	char *shard AUTO_FREE = has_shard ? short_component_of(record->shard)
					  : must_strdup("");
	source->path = must_alloc(PATH_LEN_MAX + 2 * (COMPONENT_LEN_MAX + 1) + 1);
	source->prefix_len = (size_t)sprintf(source->path, "%s/%s%s", job, shard,
					     has_shard ? "/" : "");
}

/* ---- opening ---- */

static int open_source(struct view_tree *tree, struct store *store, size_t at,
		       struct error *error)
{
	struct tree_source *source = &tree->sources[at];
	uint32_t layer = tree->merge_sources.layers[at];
	const struct layer_record *record = &tree->history->records[layer];
	source->tree = tree;
	if (tree->options->by_job)
		make_prefix(source, record);
	tree->merge_sources.sources[at].cursor =
		(struct merge_cursor){.next = next_row, .context = source};
	return layer_reader_open(store, record->id, tree->scratch, &source->reader,
				 error);
}

static int open_sources(struct view_tree *tree, struct store *store, struct error *error)
{
	size_t count = tree->merge_sources.count;
	tree->sources = may_calloc(count + 1, sizeof(*tree->sources), error);
	if (!tree->sources)
		return ERR_NO_MEMORY;
	tree->scratch = layer_scratch_new(store);
	int err = tree->options->by_job ? list_sharded(tree, tree->view_count, error) : 0;
	for (size_t i = 0; err == 0 && i < count; i++)
		err = open_source(tree, store, i, error);
	return err;
}

int tree_prepare(const struct catalogue_history *history, const struct view *view,
		 const struct tree_options *options, struct view_tree **ret_tree,
		 struct error *error)
{
	struct view_tree *tree = must_calloc(1, sizeof(*tree));
	tree->history = history;
	tree->options = options;
	tree->view_count = view->layer_count;
	int err =
		merge_sources_make(&history->history, view, &tree->merge_sources, error);
	if (err) {
		tree_free(tree);
		return err;
	}
	*ret_tree = tree;
	return 0;
}

static uint64_t source_memory(uint64_t rows)
{
	uint64_t frame_len = SOURCE_LEN_MIN + rows * SOURCE_ROW_LEN;
	return (frame_len < SOURCE_LEN_MAX ? frame_len : SOURCE_LEN_MAX) +
	       rows / SOURCE_ROWS_OF_BYTE;
}

uint64_t tree_memory(const struct view_tree *tree)
{
	uint64_t sum = 0;
	for (size_t i = 0; i < tree->merge_sources.count; i++) {
		uint32_t layer = tree->merge_sources.layers[i];
		sum += source_memory(totals_rows(&tree->history->records[layer].totals));
	}
	return sum;
}

int tree_read(struct view_tree *tree, struct store *store, struct error *error)
{
	int err = open_sources(tree, store, error);
	return err ? err
		   : merge_new(tree->merge_sources.sources, tree->merge_sources.count,
			       &tree->options->merge, &tree->merge, error);
}

int tree_open(struct store *store, const struct catalogue_history *history,
	      const struct view *view, const struct tree_options *options,
	      struct view_tree **ret_tree, struct error *error)
{
	struct view_tree *tree = NULL;
	int err = tree_prepare(history, view, options, &tree, error);
	if (err == 0)
		err = tree_read(tree, store, error);
	if (err) {
		tree_free(tree);
		return err;
	}
	*ret_tree = tree;
	return 0;
}

void tree_free(struct view_tree *tree)
{
	if (!tree)
		return;
	merge_free(tree->merge);
	for (size_t i = 0; i < tree->merge_sources.count && tree->sources; i++) {
		layer_reader_free(tree->sources[i].reader);
		free(tree->sources[i].path);
	}
	layer_scratch_free(tree->scratch);
	merge_sources_fini(&tree->merge_sources);
	leading_fini(&tree->leading);
	free(tree->sources);
	free(tree->sharded);
	free(tree);
}

void tree_keep_pins(struct view_tree *tree)
{
	merge_free(take_ptr(&tree->merge));
	for (size_t i = 0; i < tree->merge_sources.count; i++)
		layer_reader_keep_pins(tree->sources[i].reader);
	layer_scratch_free(take_ptr(&tree->scratch));
}

/* ---- the merged rows ---- */

/* Filters know paths as they were stored. */
static bool merged_is_taken(const struct view_tree *tree, const struct merged_row *merged)
{
	struct row row = merged->row;
	row.path += tree->sources[merged->source].prefix_len;
	row.path_len -= tree->sources[merged->source].prefix_len;
	return row_is_taken(tree->options, &row);
}

/* As merge_next(), up to a row that the filter takes. */
static int next_taken(struct view_tree *tree, struct merged_row *ret_row,
		      struct error *error)
{
	int result;
	while ((result = merge_next(tree->merge, ret_row, error)) == 1) {
		leading_enter(&tree->leading, &ret_row->row);
		if (merged_is_taken(tree, ret_row))
			break;
		leading_wait(&tree->leading, ret_row);
	}
	return result;
}

int tree_next(struct view_tree *tree, struct merged_row *ret_row, struct error *error)
{
	if (!tree->options->parents || tree->options->filter.only.count == 0)
		return merge_next(tree->merge, ret_row, error);
	if (!tree->due.row.path) {
		int result = next_taken(tree, &tree->due, error);
		if (result != 1)
			return result;
	}
	if (leading_give(&tree->leading, ret_row))
		return 1;
	*ret_row = tree->due;
	tree->due.row.path = NULL;
	return 1;
}

int tree_place(struct view_tree *tree, const struct merged_row *row, size_t unit,
	       struct frame_place *ret_place, struct error *error)
{
	/* The source's cursor still stands at the row (merge.h: borrowed until the next
	 * call), so its mention numbers are the row's, whatever was left out or skipped. */
	struct tree_source *source = &tree->sources[row->source];
	uint64_t mention = layer_reader_mention(source->reader) + unit;
	return layer_reader_place(source->reader, mention, ret_place, error);
}

const struct merge *tree_merge(const struct view_tree *tree)
{
	return tree->merge;
}

/* ---- the tag ---- */

/* Which rows come of a merge's parts: to be raised with every change of merge*.c,
 * glob*.c, merge/sources.c or make_prefix() that gives other rows for the same layers. */
static const char tree_rules[] = "baton: a merge, 2";

static const struct layer_record *record_of(const struct view_tree *tree, size_t source)
{
	return &tree->history->records[tree->merge_sources.layers[source]];
}

/* What goes into a tag, a little at a time: sources and what came before each grow with
 * the square of the layers. */
#define TAG_PARTS_LEN 4096u

struct tag {
	struct sha256 *sha; /* owned */
	struct buffer parts;
};

static void tag_digest(struct tag *tag)
{
	if (tag->parts.len < TAG_PARTS_LEN)
		return;
	sha256_update(tag->sha, tag->parts.at, tag->parts.len);
	buffer_clear(&tag->parts);
}

static struct digest tag_end(struct tag *tag)
{
	sha256_update(tag->sha, tag->parts.at, tag->parts.len);
	struct digest digest = sha256_final(tag->sha);
	sha256_free(tag->sha);
	buffer_fini(&tag->parts);
	return digest;
}

static void put_text(struct buffer *out, const char *text, size_t len)
{
	buffer_put_varint(out, len);
	buffer_put(out, text, len);
}

static void put_texts(struct tag *tag, const struct text_list *texts)
{
	buffer_put_varint(&tag->parts, texts->count);
	for (size_t i = 0; i < texts->count; i++) {
		put_text(&tag->parts, texts->items[i].at, texts->items[i].len);
		tag_digest(tag);
	}
}

static void put_positions(struct tag *tag, const uint32_t *positions, size_t count)
{
	buffer_put_varint(&tag->parts, count);
	for (size_t i = 0; i < count; i++) {
		buffer_put_u32(&tag->parts, positions[i]);
		tag_digest(tag);
	}
}

static void put_source(struct tag *tag, const struct view_tree *tree, size_t at)
{
	const struct merge_source *source = &tree->merge_sources.sources[at];
	struct buffer *out = &tag->parts;
	buffer_put(out, record_of(tree, at)->digest.bytes, SHA256_LEN);
	buffer_put_u8(out, source->shadow);
	put_text(out, source->job, strlen(source->job));
	put_text(out, source->shard, strlen(source->shard));
	put_positions(tag, source->before, source->before_count);
	put_positions(tag, source->bases, source->base_count);
}

static void put_options(struct buffer *out, const struct tree_options *options)
{
	buffer_put_u8(out, options->by_job);
	buffer_put_u8(out, options->parents);
	buffer_put_u8(out, (uint8_t)options->merge.on_conflict);
	buffer_put_varint(out, options->merge.prefer_count);
	for (size_t i = 0; i < options->merge.prefer_count; i++)
		put_text(out, options->merge.prefer[i], strlen(options->merge.prefer[i]));
}

struct digest tree_tag(const struct view_tree *tree, const struct text_list *only,
		       const struct text_list *exclude)
{
	bool whole = only->count == 0 && exclude->count == 0 && !tree->options->by_job;
	if (tree->merge_sources.count == 1 && whole)
		return record_of(tree, 0)->digest;
	struct tag tag = {.sha = sha256_new()};
	buffer_put(&tag.parts, tree_rules, sizeof(tree_rules));
	put_options(&tag.parts, tree->options);
	put_texts(&tag, only);
	put_texts(&tag, exclude);
	buffer_put_varint(&tag.parts, tree->merge_sources.count);
	for (size_t i = 0; i < tree->merge_sources.count; i++)
		put_source(&tag, tree, i);
	return tag_end(&tag);
}
