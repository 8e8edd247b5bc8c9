/* The merge against one that is written as naively as rule W7 allows: no streams, no
 * heaps, no sets; every path asks every source. Small random forests, fixed seeds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "forest.h"
#include "tests/harness/random.h"

#define ROUNDS 20000
#define PATHS 39 /* over a, b, c, up to three deep */

/* ---- random forests ---- */

static char paths[PATHS][8]; /* in manifest order */
static size_t path_count;

static void list_paths(const char *parent, int depth)
{
	for (char name = 'a'; name <= 'c'; name++) {
		char path[sizeof(paths[0])] = "";
		size_t len = strlen(parent);
		memcpy(path, parent, len);
		if (len > 0)
			path[len++] = '/';
		path[len] = name;
		memcpy(paths[path_count++], path, sizeof(path));
		if (depth < 3)
			list_paths(path, depth + 1);
	}
}

static const struct row *row_at(const struct tree *tree, const char *path)
{
	for (size_t i = 0; i < tree->row_count; i++)
		if (tree->rows[i].path_len == strlen(path) &&
		    memcmp(tree->rows[i].path, path, strlen(path)) == 0)
			return &tree->rows[i];
	return NULL;
}

static bool is_below(const char *path, const char *dir)
{
	return path_below(path, strlen(path), dir, strlen(dir));
}

/* Whether the tree has a file or link above the path. */
static bool is_shut(const struct tree *tree, const char *path)
{
	for (size_t i = 0; i < tree->row_count; i++)
		if (tree->rows[i].type != ROW_DIRECTORY &&
		    path_below(path, strlen(path), tree->rows[i].path,
			       tree->rows[i].path_len))
			return true;
	return false;
}

static struct row random_row(const char *path)
{
	struct row row = {.path = path, .path_len = strlen(path)};
	uint32_t kind = random_below(6);
	row.type = kind < 3 ? ROW_FILE : kind < 5 ? ROW_DIRECTORY : ROW_SYMLINK;
	row.mode = random_below(5) == 0 ? 0700 : 0755;
	if (row.type == ROW_SYMLINK)
		row.mode = 0777;
	row.time.seconds = 1 + random_below(3);
	return row;
}

/* Mostly what some base has there, as a job that persists all it attached would. */
static void grow(struct forest *forest, struct tree *tree, uint32_t density)
{
	static const char *const contents[] = {"1", "2"};
	for (size_t i = 0; i < path_count; i++) {
		if (is_shut(tree, paths[i]))
			continue;
		size_t base = random_below((uint32_t)forest->count);
		const struct row *row = row_at(&forest->trees[base], paths[i]);
		if (tree->bases[base] && row && random_below(4) != 0) {
			const char *content =
				row->type == ROW_FILE
					? forest->trees[base]
						  .contents[row -
							    forest->trees[base].rows]
					: row->target;
			tree_add(tree, *row, content);
		} else if (random_below(100) < density) {
			tree_add(tree, random_row(paths[i]), contents[random_below(2)]);
		}
	}
}

static void random_forest(struct forest *forest)
{
	static const char *const names[] = {"a", "b", "c.1", "c.2", "d", "e", "f"};
	memset(forest, 0, sizeof(*forest));
	forest->count = 1 + random_below(7);
	size_t visible = 1 + random_below((uint32_t)forest->count);
	uint32_t density = 5 + random_below(30);
	/* Sources are made in a random order, so that shadows stand behind others too. */
	size_t made[7] = {0};
	for (size_t i = 0; i < forest->count; i++) {
		size_t at = random_below((uint32_t)i + 1);
		made[i] = made[at];
		made[at] = i;
	}
	for (size_t i = 0; i < forest->count; i++)
		forest_name(forest, i, names[i]);
	for (size_t i = 0; i < forest->count; i++) {
		struct tree *tree = &forest->trees[made[i]];
		forest->sources[made[i]].shadow = made[i] >= visible;
		for (size_t k = 0; k < i; k++) {
			/* The order of positions holds for those in the view. */
			bool ordered = made[k] < made[i] || made[k] >= visible ||
				       made[i] >= visible;
			tree->bases[made[k]] = ordered && random_below(3) == 0;
			tree->before[made[k]] = tree->bases[made[k]] ||
						(ordered && random_below(6) == 0);
		}
		grow(forest, tree, density);
	}
	forest_finish(forest);
}

/* ---- the naive merge ---- */

enum kind {
	NOTHING,
	IMPLICIT,
	DIRECTORY,
	OTHER,
};

struct naive {
	const struct forest *forest;
	const struct merge_options *options;
	bool gone[FOREST_SOURCES][PATHS]; /* was dropped with a directory above */
	bool implicit;  /* directories without a row count at the path */
	size_t at;      /* the path */
	size_t blocked; /* a file won there; PATHS for nowhere */
	size_t blocker;
	bool watched[FOREST_SOURCES];
	FILE *rows, *conflicts;
	size_t row_count, conflict_count;
};

static const struct row *naive_row(const struct naive *it, size_t source, size_t at)
{
	return it->gone[source][at] ? NULL
				    : row_at(&it->forest->trees[source], paths[at]);
}

static enum kind naive_kind(const struct naive *it, size_t source)
{
	const struct row *row = naive_row(it, source, it->at);
	if (row)
		return row->type == ROW_DIRECTORY ? DIRECTORY : OTHER;
	for (size_t i = 0; it->implicit && i < path_count; i++)
		if (is_below(paths[i], paths[it->at]) && naive_row(it, source, i))
			return IMPLICIT;
	return NOTHING;
}

static bool naive_equal(const struct naive *it, size_t a, size_t b)
{
	if (naive_kind(it, a) == IMPLICIT || naive_kind(it, b) == IMPLICIT)
		return naive_kind(it, a) != OTHER && naive_kind(it, b) != OTHER;
	return row_equal(naive_row(it, a, it->at), naive_row(it, b, it->at));
}

static bool is_before(const struct naive *it, size_t a, size_t b)
{
	return it->forest->trees[b].before[a];
}

static bool naive_changed(const struct naive *it, size_t source);
static bool naive_reaches(const struct naive *it, size_t source, size_t other);

/* Whether a member of the set is what the set as a whole gives: it changed the path, and
 * no row in the set comes after it. */
static bool is_given(const struct naive *it, const bool *set, size_t member)
{
	if (!naive_changed(it, member))
		return false;
	for (size_t i = 0; i < it->forest->count; i++)
		if (set[i] && naive_kind(it, i) != NOTHING &&
		    naive_reaches(it, i, member))
			return false;
	return true;
}

/* No layer of the set that holds the path comes after it; nor, with `also_rows`, a row
 * that an unchanged one stands for. */
static bool is_last(const struct naive *it, const bool *set, size_t member,
		    bool also_rows)
{
	for (size_t i = 0; i < it->forest->count; i++)
		if (set[i] && naive_kind(it, i) != NOTHING &&
		    (is_before(it, member, i) ||
		     (also_rows && naive_reaches(it, i, member))))
			return false;
	return true;
}

/* Fills ret_given with what the set gives: what changed, or else what is last. */
static void give(const struct naive *it, const bool *set, bool *ret_given)
{
	bool any = false;
	for (int try = 0; !any && try < 3; try++) {
		for (size_t i = 0; i < it->forest->count; i++) {
			ret_given[i] = set[i] && naive_kind(it, i) != NOTHING &&
				       (try == 0 ? is_given(it, set, i)
						 : is_last(it, set, i, try == 1));
			any |= ret_given[i];
		}
	}
}

static bool naive_changed(const struct naive *it, size_t source)
{
	bool given[FOREST_SOURCES];
	give(it, it->forest->trees[source].bases, given);
	for (size_t i = 0; i < it->forest->count; i++)
		if (given[i] && naive_equal(it, source, i))
			return false;
	return true;
}

/* Whether the source's row, or for an unchanged one a row that it is, comes after other.
 */
static bool naive_reaches(const struct naive *it, size_t source, size_t other)
{
	if (naive_changed(it, source))
		return is_before(it, other, source);
	bool given[FOREST_SOURCES];
	give(it, it->forest->trees[source].bases, given);
	for (size_t i = 0; i < it->forest->count; i++)
		if (given[i] && naive_equal(it, source, i) && naive_reaches(it, i, other))
			return true;
	return false;
}

static bool naive_agree(const struct naive *it, size_t a, size_t b)
{
	if (naive_kind(it, a) != OTHER || naive_kind(it, b) != OTHER)
		return naive_kind(it, a) != OTHER && naive_kind(it, b) != OTHER;
	return naive_equal(it, a, b);
}

static bool all_agree(const struct naive *it, const bool *set)
{
	for (size_t i = 0; i < it->forest->count; i++)
		for (size_t k = 0; k < i; k++)
			if (set[i] && set[k] && !naive_agree(it, i, k))
				return false;
	return true;
}

static size_t first_of(const bool *set, size_t count)
{
	size_t i = 0;
	while (i < count && !set[i])
		i++;
	return i;
}

static size_t last_of(const bool *set, size_t count)
{
	while (count > 0 && !set[count - 1])
		count--;
	return count - 1;
}

/* Leaves those that agree with the winner. */
static void keep(const struct naive *it, bool *set, size_t winner)
{
	for (size_t i = 0; i < it->forest->count; i++)
		set[i] = set[i] && naive_agree(it, i, winner);
}

static void tell_names(const struct naive *it, FILE *out, const bool *set, char begin)
{
	for (size_t i = 0; i < it->forest->count; i++) {
		if (!set[i])
			continue;
		fprintf(out, "%c%s", begin, it->forest->trees[i].name);
		begin = ',';
	}
}

static void collect(struct naive *it, size_t at, const bool *set)
{
	if (it->conflict_count++ >= MERGE_CONFLICTS_KEPT)
		return;
	fprintf(it->conflicts, " conflict %s", paths[at]);
	tell_names(it, it->conflicts, set, '(');
	fprintf(it->conflicts, ")");
}

static void tell(struct naive *it, size_t source, struct row row, const bool *marked)
{
	struct merged_row merged = {.row = row, .source = (uint32_t)source};
	fprintf(it->rows, "%s", it->row_count++ ? " " : "");
	tell_row(it->rows, it->forest, &merged);
	if (marked)
		tell_names(it, it->rows, marked, '?');
}

static void tell_winner(struct naive *it, const bool *set, const bool *marked)
{
	size_t count = it->forest->count, first = first_of(set, count);
	if (naive_kind(it, first) == OTHER) {
		struct row row = *naive_row(it, first, it->at);
		for (size_t i = 0; i < count; i++)
			if (set[i] &&
			    naive_row(it, i, it->at)->time.seconds < row.time.seconds)
				row.time = naive_row(it, i, it->at)->time;
		tell(it, first, row, marked);
		return;
	}
	for (size_t i = count; i-- > 0;)
		if (set[i] && naive_kind(it, i) == DIRECTORY) {
			tell(it, i, *naive_row(it, i, it->at), marked);
			return;
		}
	if (marked)
		tell(it, last_of(set, count),
		     (struct row){.path = paths[it->at],
				  .path_len = strlen(paths[it->at]),
				  .type = ROW_DIRECTORY,
				  .mode = 0755},
		     marked);
}

/* ---- the naive rule 5 ---- */

static bool is_before_any(const struct naive *it, size_t source, const bool *set)
{
	for (size_t i = 0; i < it->forest->count; i++)
		if (set[i] && is_before(it, source, i))
			return true;
	return false;
}

static void drop_below(struct naive *it, size_t source)
{
	for (size_t i = 0; i < path_count; i++)
		if (is_below(paths[i], paths[it->at]))
			it->gone[source][i] = true;
}

static void drop_replaced(struct naive *it, const bool *winners)
{
	bool drop[FOREST_SOURCES] = {false};
	for (size_t i = 0; i < it->forest->count; i++)
		for (size_t k = 0; k < it->forest->count; k++)
			drop[i] |= naive_kind(it, i) != OTHER &&
				   naive_kind(it, k) == OTHER &&
				   !it->forest->sources[k].shadow &&
				   is_before(it, i, k) && is_before_any(it, k, winners) &&
				   naive_changed(it, k);
	for (size_t i = 0; i < it->forest->count; i++)
		if (drop[i])
			drop_below(it, i);
}

static bool file_is_preferred(const struct naive *it, size_t other)
{
	for (size_t i = 0; i < it->options->prefer_count; i++) {
		if (strcmp(it->forest->trees[it->blocker].job, it->options->prefer[i]) ==
		    0)
			return true;
		if (strcmp(it->forest->trees[other].job, it->options->prefer[i]) == 0)
			return false;
	}
	return it->options->on_conflict == ON_CONFLICT_FIRST ||
	       it->options->on_conflict == ON_CONFLICT_LAST;
}

/* One path below a file that won: changes here by directories that lost unchanged. */
static void look_below(struct naive *it)
{
	bool changed[FOREST_SOURCES] = {false}, any = false;
	it->implicit = false;
	for (size_t i = 0; i < it->forest->count; i++) {
		changed[i] = it->watched[i] && naive_kind(it, i) != NOTHING &&
			     naive_changed(it, i) && !file_is_preferred(it, i);
		any |= changed[i];
	}
	if (!any)
		return;
	changed[it->blocker] = true;
	collect(it, it->blocked, changed);
	memset(it->watched, 0, sizeof(it->watched));
}

static void block(struct naive *it, const bool *winners, bool disputed)
{
	it->blocked = it->at;
	it->blocker = first_of(winners, it->forest->count);
	for (size_t i = 0; i < it->forest->count; i++) {
		enum kind kind = naive_kind(it, i);
		it->watched[i] = !disputed && (kind == DIRECTORY || kind == IMPLICIT) &&
				 !it->forest->sources[i].shadow &&
				 !is_before_any(it, i, winners);
	}
}

/* ---- the naive path ---- */

/* Fills in who holds the path, and whether a file or link is among them; shadows aside.
 */
static bool find_holders(struct naive *it, bool *ret_holders)
{
	bool other = false, any = false;
	it->implicit = false;
	for (size_t i = 0; i < it->forest->count; i++)
		other |= !it->forest->sources[i].shadow && naive_kind(it, i) == OTHER;
	it->implicit = other;
	for (size_t i = 0; i < it->forest->count; i++) {
		ret_holders[i] = !it->forest->sources[i].shadow &&
				 naive_kind(it, i) != NOTHING;
		any |= ret_holders[i];
	}
	return any;
}

/* Only unchanged ones: the directories, or else the last in order. */
static void keep_one_kind(const struct naive *it, bool *set)
{
	bool directories = false;
	for (size_t i = 0; i < it->forest->count; i++)
		directories |= set[i] && naive_kind(it, i) != OTHER;
	size_t last = last_of(set, it->forest->count);
	for (size_t i = 0; i < it->forest->count; i++)
		set[i] = set[i] && (directories ? naive_kind(it, i) != OTHER : i == last);
}

static void prefer(const struct naive *it, bool *set)
{
	for (size_t i = 0; i < it->options->prefer_count; i++) {
		bool kept[FOREST_SOURCES] = {false}, any = false;
		for (size_t k = 0; k < it->forest->count; k++) {
			kept[k] = set[k] && strcmp(it->forest->trees[k].job,
						   it->options->prefer[i]) == 0;
			any |= kept[k];
		}
		if (any) {
			memcpy(set, kept, sizeof(kept));
			return;
		}
	}
}

static void decide(struct naive *it)
{
	bool holders[FOREST_SOURCES], set[FOREST_SOURCES] = {false};
	bool marked[FOREST_SOURCES], changed = false;
	if (!find_holders(it, holders))
		return;
	give(it, holders, set);
	for (size_t i = 0; i < it->forest->count; i++)
		changed |= set[i] && naive_changed(it, i);
	if (!changed)
		keep_one_kind(it, set);
	bool disputed = !all_agree(it, set), settled = true;
	if (disputed)
		prefer(it, set);
	memcpy(marked, set, sizeof(marked));
	if (!all_agree(it, set)) {
		settled = it->options->on_conflict != ON_CONFLICT_ERROR;
		if (!settled || it->options->on_conflict == ON_CONFLICT_MARK)
			collect(it, it->at, set);
		keep(it, set,
		     it->options->on_conflict == ON_CONFLICT_FIRST
			     ? first_of(set, it->forest->count)
			     : last_of(set, it->forest->count));
	}
	if (!settled)
		return;
	bool mark = it->options->on_conflict == ON_CONFLICT_MARK &&
		    !all_agree(it, marked);
	tell_winner(it, set, mark ? marked : NULL);
	if (naive_kind(it, first_of(set, it->forest->count)) == OTHER)
		block(it, set, disputed);
	else if (it->implicit)
		drop_replaced(it, set);
}

/* The merge as text, owned by the caller. */
static char *naive_merge(const struct forest *forest, const struct merge_options *options)
{
	static struct naive it;
	char *rows = NULL, *conflicts AUTO_FREE = NULL;
	size_t rows_len = 0, conflicts_len = 0;
	memset(&it, 0, sizeof(it));
	it.forest = forest;
	it.options = options;
	it.rows = open_memstream(&rows, &rows_len);
	it.conflicts = open_memstream(&conflicts, &conflicts_len);
	it.blocked = PATHS;
	for (it.at = 0; it.at < path_count; it.at++) {
		if (it.blocked < PATHS && is_below(paths[it.at], paths[it.blocked])) {
			look_below(&it);
			continue;
		}
		it.blocked = PATHS;
		decide(&it);
	}
	claim(fclose(it.conflicts) == 0);
	fprintf(it.rows, "%s", conflicts);
	if (it.conflict_count > MERGE_CONFLICTS_KEPT)
		fprintf(it.rows, " +%u",
			(unsigned)(it.conflict_count - MERGE_CONFLICTS_KEPT));
	claim(fclose(it.rows) == 0);
	return rows;
}

/* ---- both ---- */

static void print_forest(const struct forest *forest)
{
	for (size_t i = 0; i < forest->count; i++) {
		const struct tree *tree = &forest->trees[i];
		print_error("%s%s after", forest->sources[i].shadow ? "~" : "",
			    tree->name);
		for (size_t k = 0; k < forest->count; k++)
			if (tree->before[k])
				print_error(" %s%s", forest->trees[k].name,
					    tree->bases[k] ? "(attached)" : "");
		print_error(":");
		for (size_t k = 0; k < tree->row_count; k++)
			print_error(" %.*s%c%s%s", (int)tree->rows[k].path_len,
				    tree->rows[k].path, "?=/>"[tree->rows[k].type],
				    tree -> contents[k] ? tree -> contents[k] : "",
				    tree->rows[k].mode == 0700 ? "%700" : "");
		print_error("\n");
	}
}

static void w7_equals_the_naive_merge(void **state)
{
	(void)state;
	static struct forest forest;
	static const char *const preferred[] = {"c", "a"};
	random_begin(20261120);
	list_paths("", 1);
	size_t conflicts = 0, rows = 0;
	for (int round = 0; round < ROUNDS; round++) {
		random_forest(&forest);
		struct merge_options options = {
			.prefer = preferred,
			.prefer_count = random_below(3),
			.on_conflict = (enum on_conflict)random_below(4),
		};
		char *expected AUTO_FREE = naive_merge(&forest, &options);
		char *merged AUTO_FREE = forest_merge(&forest, &options);
		if (strcmp(merged, expected) != 0) {
			print_error("round %d, prefer %zu, on conflict %d\n", round,
				    options.prefer_count, options.on_conflict);
			print_forest(&forest);
		}
		assert_string_equal(merged, expected);
		conflicts += strstr(merged, "conflict") != NULL;
		rows += strchr(merged, ':') != NULL;
	}
	/* The dice were worth throwing. */
	assert_true(conflicts > ROUNDS / 20 && rows > ROUNDS / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(w7_equals_the_naive_merge),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
