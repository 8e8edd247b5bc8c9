/*
 * Trees to be merged, told in a line, for the tests of merges. Sources in the view's
 * order, separated by ';', shadows last:
 *
 *   NAME: ENTRY...         a layer that nothing orders; its job is NAME up to a
 *                          '.', its shard what follows
 *   NAME(a b): ENTRY...    … that has attached a and b, and comes after them
 *   NAME<a b: ENTRY...     … that comes after a and b, but has not attached them
 *   ~NAME…                 a shadow
 *
 * An ENTRY is path=content, path/ or path->target, then perhaps %MODE (octal) and @TIME.
 *
 * The merge is told as the rows in their order, each with ":NAME" of who gave it; marked
 * ones have "?a,b" behind it. Then " conflict PATH(a,b)" for each that was collected, or
 * " +N" for those beyond. Options are words: "prefer a b", "first", "last", "mark".
 */
#ifndef BATON_TESTS_UNIT_FOREST_H
#define BATON_TESTS_UNIT_FOREST_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/merge/merge.h"
#include "proto/base/cleanup.h"
#include "proto/path/path.h"

#define FOREST_SOURCES 40
#define FOREST_ROWS 128
#define FOREST_TEXT 4096

struct tree {
	const char *name;
	char job[32];
	struct row rows[FOREST_ROWS];
	struct unit_name units[FOREST_ROWS];
	const char *contents[FOREST_ROWS];
	size_t row_count;
	size_t next; /* for the cursor */
	bool before[FOREST_SOURCES], bases[FOREST_SOURCES];
	uint32_t before_list[FOREST_SOURCES], base_list[FOREST_SOURCES];
};

struct forest {
	char text[FOREST_TEXT]; /* cut into words in place */
	struct tree trees[FOREST_SOURCES];
	struct merge_source sources[FOREST_SOURCES];
	size_t count;
};

static inline int forest_compare_rows(const void *a, const void *b)
{
	const struct row *one = a, *other = b;
	return path_compare(one->path, one->path_len, other->path, other->path_len);
}

static inline int forest_next_row(void *context, struct row *ret_row, struct error *error)
{
	struct tree *tree = context;
	(void)error;
	if (tree->next == tree->row_count)
		return 0;
	*ret_row = tree->rows[tree->next++];
	return 1;
}

static inline void tree_add(struct tree *tree, struct row row, const char *content)
{
	size_t at = tree->row_count++;
	claim(at < FOREST_ROWS);
	if (row.type == ROW_FILE) {
		size_t len = strlen(content);
		tree->contents[at] = content;
		tree->units[at].sha = sha256_of(content, len);
		tree->units[at].key.len = (uint32_t)len;
		row.size = len;
		row.unit_count = 1;
		row.units = &tree->units[at];
	} else if (row.type == ROW_SYMLINK) {
		row.target = content;
		row.target_len = strlen(content);
	}
	tree->rows[at] = row;
}

/* Cuts the text behind the mark off; fallback where there is none. */
static inline const char *cut(char *text, const char *mark, const char *fallback)
{
	char *at = strstr(text, mark);
	if (!at)
		return fallback;
	*at = '\0';
	return at + strlen(mark);
}

static inline void tree_entry(struct tree *tree, char *entry)
{
	struct row row = {.type = ROW_DIRECTORY, .path = entry};
	row.time.seconds = atoi(cut(entry, "@", "0"));
	const char *mode = cut(entry, "%", NULL);
	const char *content = cut(entry, "->", NULL);
	if (content) {
		row.type = ROW_SYMLINK;
	} else if ((content = cut(entry, "=", NULL))) {
		row.type = ROW_FILE;
	} else {
		entry[strlen(entry) - 1] = '\0';
	}
	row.path_len = strlen(entry);
	row.mode = row.type == ROW_FILE ? 0644 : row.type == ROW_SYMLINK ? 0777 : 0755;
	if (mode)
		row.mode = (uint16_t)strtoul(mode, NULL, 8);
	tree_add(tree, row, content);
}

static inline size_t forest_named(const struct forest *forest, const char *name)
{
	for (size_t i = 0; i < forest->count; i++)
		if (strcmp(forest->trees[i].name, name) == 0)
			return i;
	claim_failed(name, __FILE__, __LINE__);
}

/* The names before, or attached: after '<' or in parentheses. */
static inline void forest_relations(struct forest *forest, struct tree *tree, char *names,
				    bool attached)
{
	char *rest = NULL;
	for (char *name = strtok_r(names, " )", &rest); name;
	     name = strtok_r(NULL, " )", &rest)) {
		size_t other = forest_named(forest, name);
		tree->before[other] = true;
		tree->bases[other] |= attached;
	}
}

static inline void forest_close(struct forest *forest)
{
	for (size_t k = 0; k < forest->count; k++)
		for (size_t i = 0; i < forest->count; i++)
			for (size_t j = 0; j < forest->count; j++)
				forest->trees[i].before[j] |=
					forest->trees[i].before[k] &&
					forest->trees[k].before[j];
}

static inline void forest_make_source(struct forest *forest, size_t at)
{
	struct tree *tree = &forest->trees[at];
	struct merge_source *source = &forest->sources[at];
	qsort(tree->rows, tree->row_count, sizeof(*tree->rows), forest_compare_rows);
	tree->next = 0;
	source->cursor = (struct merge_cursor){.next = forest_next_row, .context = tree};
	source->job = tree->job;
	source->shard = tree->name + strcspn(tree->name, ".");
	source->shard += *source->shard == '.';
	source->before = tree->before_list;
	source->bases = tree->base_list;
	source->before_count = source->base_count = 0;
	for (uint32_t i = 0; i < forest->count; i++) {
		if (tree->before[i])
			tree->before_list[source->before_count++] = i;
		if (tree->bases[i])
			tree->base_list[source->base_count++] = i;
	}
}

static inline void forest_name(struct forest *forest, size_t at, const char *name)
{
	struct tree *tree = &forest->trees[at];
	tree->name = name;
	(void)snprintf(tree->job, sizeof(tree->job), "%.*s", (int)strcspn(name, "."),
		       name);
}

/* Closes the order and makes the sources; to be called again before each merge. */
static inline void forest_finish(struct forest *forest)
{
	forest_close(forest);
	for (size_t i = 0; i < forest->count; i++)
		forest_make_source(forest, i);
}

static inline void forest_plant(struct forest *forest, const char *text)
{
	memset(forest, 0, sizeof(*forest));
	claim(strlen(text) < sizeof(forest->text));
	memcpy(forest->text, text, strlen(text) + 1);
	char *heads[FOREST_SOURCES], *entries[FOREST_SOURCES], *rest = NULL;
	for (char *part = strtok_r(forest->text, ";", &rest); part;
	     part = strtok_r(NULL, ";", &rest)) {
		size_t at = forest->count++;
		heads[at] = part + strspn(part, " ");
		entries[at] = strchr(heads[at], ':');
		*entries[at]++ = '\0';
		forest->sources[at].shadow = heads[at][0] == '~';
		heads[at] += forest->sources[at].shadow;
	}
	for (size_t at = 0; at < forest->count; at++) {
		forest->trees[at].name = strndup(heads[at], strcspn(heads[at], "(<"));
		forest_name(forest, at, forest->trees[at].name);
	}
	for (size_t at = 0; at < forest->count; at++) {
		char *names = heads[at] + strlen(forest->trees[at].name);
		if (*names)
			forest_relations(forest, &forest->trees[at], names + 1,
					 *names == '(');
		for (char *entry = strtok_r(entries[at], " ", &rest); entry;
		     entry = strtok_r(NULL, " ", &rest))
			tree_entry(&forest->trees[at], entry);
	}
	forest_finish(forest);
}

static inline void forest_fell(struct forest *forest)
{
	for (size_t i = 0; i < forest->count; i++)
		free((void *)(uintptr_t)forest->trees[i].name);
}

/* ---- telling ---- */

static inline void tell_row(FILE *out, const struct forest *forest,
			    const struct merged_row *merged)
{
	static const uint16_t usual[] = {
		[ROW_FILE] = 0644, [ROW_DIRECTORY] = 0755, [ROW_SYMLINK] = 0777};
	const struct row *row = &merged->row;
	const struct tree *tree = &forest->trees[merged->source];
	fprintf(out, "%.*s", (int)row->path_len, row->path);
	if (row->type == ROW_FILE)
		fprintf(out, "=%s", tree->contents[row->units - tree->units]);
	else if (row->type == ROW_SYMLINK)
		fprintf(out, "->%.*s", (int)row->target_len, row->target);
	else
		fprintf(out, "/");
	if (row->mode != usual[row->type])
		fprintf(out, "%%%o", row->mode);
	if (row->time.seconds)
		fprintf(out, "@%d", (int)row->time.seconds);
	fprintf(out, ":%s", tree->name);
	for (size_t i = 0; merged->conflict && i < merged->conflict_source_count; i++)
		fprintf(out, "%s%s", i ? "," : "?",
			forest->trees[merged->conflict_sources[i]].name);
}

static inline void tell_conflicts(FILE *out, const struct forest *forest,
				  const struct merge *merge)
{
	size_t count;
	const struct merge_conflict *conflicts = merge_conflicts(merge, &count);
	for (size_t i = 0; i < count; i++) {
		fprintf(out, " conflict %.*s(", (int)conflicts[i].path_len,
			conflicts[i].path);
		for (size_t k = 0; k < conflicts[i].source_count; k++)
			fprintf(out, "%s%s", k ? "," : "",
				forest->trees[conflicts[i].sources[k]].name);
		fprintf(out, ")");
	}
	if (merge_conflict_count(merge) > count)
		fprintf(out, " +%u", (unsigned)(merge_conflict_count(merge) - count));
}

/* Mentions of a tree before the row that has these units. */
static inline uint64_t mentions_before(const struct tree *tree, const struct row *row)
{
	uint64_t mentions = 0;
	for (size_t i = 0; i < tree->row_count; i++) {
		if (forest_compare_rows(&tree->rows[i], row) >= 0)
			break;
		mentions += tree->rows[i].unit_count;
	}
	return mentions;
}

/* Merges a forest; the result as text, owned by the caller. */
static inline char *forest_merge(struct forest *forest,
				 const struct merge_options *options)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	claim(out);
	for (size_t i = 0; i < forest->count; i++)
		forest->trees[i].next = 0;
	struct merge *merge = NULL;
	struct merged_row row;
	struct error error = {0};
	claim(merge_new(forest->sources, forest->count, options, &merge, &error) == 0);
	int result;
	for (size_t i = 0; (result = merge_next(merge, &row, &error)) == 1; i++) {
		fprintf(out, "%s", i ? " " : "");
		tell_row(out, forest, &row);
		claim(row.row.type != ROW_FILE ||
		      row.first_unit ==
			      mentions_before(&forest->trees[row.source], &row.row));
	}
	claim(result == 0);
	tell_conflicts(out, forest, merge);
	merge_free(merge);
	claim(fclose(out) == 0);
	return text;
}

#endif
