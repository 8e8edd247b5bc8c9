#include "client/select/select.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "client/files/beneath.h"
#include "client/select/select_path.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "proto/base/escape.h"
#include "proto/path/path.h"

/* --exclude-vcs: the folders of version control systems (.git may also be a file, of a
 * worktree or submodule), at any depth. */
static const char *const vcs_names[] = {
	".git", ".hg", ".svn", ".bzr", "CVS", "_darcs",
};

/* ---- opening ---- */

static struct selector *append(struct selection *selection, const char *text)
{
	selection->items = must_realloc(
		selection->items, (selection->count + 1) * sizeof(*selection->items));
	struct selector *selector = &selection->items[selection->count++];
	*selector = (struct selector){.text = must_strdup(text)};
	return selector;
}

static int add_path(struct selection *selection, const char *text, bool literal,
		    struct error *error)
{
	struct selector *selector = append(selection, text);
	int err = select_path_below(selection->root_fd, text, &selector->path, error);
	if (err < 0)
		return err;
	enum path_presence presence;
	struct select_place place = {selection->root_fd, selection->follows};
	err = select_path_presence(&place, text, selector->path, &presence, error);
	if (err < 0)
		return err;
	size_t len = strlen(selector->path);
	bool is_special = selector->path[glob_plain_len(selector->path)];
	if (presence == PATH_ABSENT && !literal && is_special) {
		selector->plain_len = select_path_plain_len(selector->path);
		return glob_new(selector->path, len, &selector->glob, error);
	}
	if (len > 0 && selector->path[len - 1] == '/')
		selector->path[--len] = '\0';
	selector->path_len = len;
	selector->is_absent = presence == PATH_ABSENT;
	return 0;
}

static int add_each(struct selection *selection, const struct string_list *paths,
		    bool literal, struct error *error)
{
	for (size_t i = 0; i < paths->count; i++) {
		int err = add_path(selection, paths->items[i], literal, error);
		if (err < 0)
			return err;
	}
	return 0;
}

static int add_excludes(struct selection *selection, const struct selection_how *how,
			struct error *error)
{
	struct glob_set *set = &selection->excludes;
	set->basename_anywhere = true;
	int err = 0;
	for (size_t i = 0; err == 0 && i < how->excludes->count; i++)
		err = glob_set_add(set, how->excludes->items[i],
				   strlen(how->excludes->items[i]), error);
	size_t vcs_count = how->excludes_vcs ? sizeof(vcs_names) / sizeof(*vcs_names) : 0;
	for (size_t i = 0; err == 0 && i < vcs_count; i++)
		err = glob_set_add(set, vcs_names[i], strlen(vcs_names[i]), error);
	return err;
}

static int compare_literals(const void *a, const void *b, void *context)
{
	const struct selector *items = context;
	const struct selector *left = &items[*(const size_t *)a];
	const struct selector *right = &items[*(const size_t *)b];
	return path_compare(left->path, left->path_len, right->path, right->path_len);
}

static void sort_out(struct selection *selection)
{
	selection->literals = must_calloc(selection->count + 1, sizeof(size_t));
	selection->globs = must_calloc(selection->count + 1, sizeof(size_t));
	for (size_t i = 0; i < selection->count; i++) {
		if (selection->items[i].glob)
			selection->globs[selection->glob_count++] = i;
		else if (!selection->items[i].is_absent)
			selection->literals[selection->literal_count++] = i;
	}
	qsort_r(selection->literals, selection->literal_count, sizeof(size_t),
		compare_literals, selection->items);
}

int selection_open(struct selection *selection, const struct selection_how *how,
		   struct error *error)
{
	*selection = (struct selection){.root_fd = -1, .follows = how->follows};
	const char *root = how->root ? how->root : ".";
	selection->root = must_strdup(root);
	selection->root_fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (selection->root_fd < 0)
		return error_set_errno(error, ERR_LOCAL, errno, "--root `%s`", root);
	int err = add_each(selection, how->paths, how->is_literal, error);
	if (err == 0 && how->paths_from) {
		struct string_list listed AUTO(string_list_fini) = {0};
		err = select_paths_from(how->paths_from, &listed, error);
		if (err == 0)
			err = add_each(selection, &listed, how->is_literal, error);
	}
	if (err == 0)
		err = add_excludes(selection, how, error);
	if (err == 0)
		sort_out(selection);
	return err;
}

void selection_close(struct selection *selection)
{
	cleanup_fd_(&selection->root_fd);
	free(selection->root);
	for (size_t i = 0; i < selection->count; i++) {
		free(selection->items[i].text);
		free(selection->items[i].path);
		glob_free(selection->items[i].glob);
	}
	free(selection->items);
	free(selection->literals);
	free(selection->globs);
	glob_set_fini(&selection->excludes);
	*selection = (struct selection){.root_fd = -1};
}

bool selection_lacks(const struct selection *selection)
{
	bool lacks = false;
	for (size_t i = 0; !lacks && i < selection->count; i++)
		lacks = selection->items[i].is_absent;
	return lacks;
}

static void add_empty(const struct selection *selection, const struct selector *selector,
		      struct faults *faults)
{
	struct error empty;
	char *shown AUTO_FREE = escape_encode(selector->text, strlen(selector->text));
	char *root AUTO_FREE = escape_encode(selection->root, strlen(selection->root));
	(void)error_set(&empty, ERR_EMPTY,
			"`%s`: matched nothing below `%s`; use --if-empty=ok if that is "
			"as it should be",
			shown, root);
	faults_add(faults, &empty);
}

int selection_check(const struct selection *selection, struct faults *faults,
		    struct error *error)
{
	/* What is not there is known before the walk, when no other PATH has matched yet.
	 */
	bool lacks = selection_lacks(selection);
	for (size_t i = 0; i < selection->count; i++) {
		const struct selector *selector = &selection->items[i];
		if (lacks ? selector->is_absent : !selector->matched)
			add_empty(selection, selector, faults);
	}
	return faults_any(faults) ? faults_error(faults, error) : 0;
}

/* ---- judging ---- */

static struct selector *literal_at(const struct selection *selection, size_t position)
{
	return &selection->items[selection->literals[position]];
}

/* The first literal of the range that is not before path; with `behind`, not below it
 * either. */
static size_t bound(const struct selection *selection, struct literal_range range,
		    struct named path, bool behind)
{
	while (range.first < range.end) {
		size_t middle = range.first + (range.end - range.first) / 2;
		const struct selector *literal = literal_at(selection, middle);
		bool before = path_compare(literal->path, literal->path_len, path.path,
					   path.len) < 0;
		bool inside = path_below(literal->path, literal->path_len, path.path,
					 path.len) ||
			      path_compare(literal->path, literal->path_len, path.path,
					   path.len) == 0;
		if (before || (behind && inside))
			range.first = middle + 1;
		else
			range.end = middle;
	}
	return range.first;
}

const struct selector *selection_literal_from(const struct selection *selection,
					      struct named path)
{
	struct literal_range all = {0, selection->literal_count};
	size_t at = bound(selection, all, path, false);
	return at < bound(selection, all, path, true) ? literal_at(selection, at) : NULL;
}

/* Marks the literals that are this very path; *range becomes those below it. */
static bool match_literals(struct selection *selection, struct literal_range *range,
			   struct named path)
{
	if (range->first == range->end)
		return false;
	size_t end = bound(selection, *range, path, true);
	size_t at = bound(selection, *range, path, false);
	bool found = false;
	for (; at < end && literal_at(selection, at)->path_len == path.len; at++) {
		literal_at(selection, at)->matched = true;
		found = true;
	}
	*range = (struct literal_range){at, end};
	return found;
}

/* Looks at every glob while the answer is open, and at those that matched nothing yet. */
static bool match_globs(struct selection *selection, struct named path)
{
	bool found = false;
	for (size_t i = 0; i < selection->glob_count; i++) {
		struct selector *selector = &selection->items[selection->globs[i]];
		if ((!found || !selector->matched) &&
		    glob_matches(selector->glob, path.path, path.len, path.is_dir)) {
			selector->matched = true;
			found = true;
		}
	}
	return found;
}

static void match_unmatched_globs(struct selection *selection, struct named path)
{
	for (size_t i = 0; i < selection->glob_count; i++) {
		struct selector *selector = &selection->items[selection->globs[i]];
		if (!selector->matched)
			selector->matched = glob_matches(selector->glob, path.path,
							 path.len, path.is_dir);
	}
}

bool selection_reads(const struct selection *selection, const char *dir, size_t len)
{
	for (size_t i = 0; i < selection->glob_count; i++)
		if (glob_may_match_below(selection->items[selection->globs[i]].glob, dir,
					 len))
			return true;
	return false;
}

struct verdict selection_judge(struct selection *selection, struct literal_range range,
			       bool parent_taken, struct named path)
{
	struct verdict verdict = {.below = range};
	verdict.excluded = glob_set_matches_itself(&selection->excludes, path.path,
						   path.len, path.is_dir);
	if (verdict.excluded)
		return verdict;
	bool literal = match_literals(selection, &verdict.below, path);
	if (parent_taken || literal) {
		match_unmatched_globs(selection, path);
		verdict.taken = true;
		return verdict;
	}
	verdict.taken = match_globs(selection, path);
	verdict.entered = !verdict.taken && path.is_dir &&
			  (verdict.below.first < verdict.below.end ||
			   selection_reads(selection, path.path, path.len));
	return verdict;
}

void selection_match_root(struct selection *selection, bool any)
{
	for (size_t i = 0; any && i < selection->literal_count; i++) {
		struct selector *selector = &selection->items[selection->literals[i]];
		if (selector->path_len > 0)
			return;
		selector->matched = true;
	}
}
