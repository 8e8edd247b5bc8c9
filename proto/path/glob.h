/*
 * The one glob dialect (rule T1, PROTOCOL.md §6.1), for persist's PATHs, excludes,
 * attach's filters and ls. Bytes, not characters. A pattern is compiled once and matched
 * often; matching is bounded: O(pattern × path), no exponential backtracking; braces are
 * expanded when compiled, with a bound on the number of alternatives.
 *
 * A compiled glob is immutable and may be used from any thread.
 */
#ifndef BATON_PROTO_PATH_GLOB_H
#define BATON_PROTO_PATH_GLOB_H

#include <stdbool.h>
#include <stddef.h>

#include "proto/base/error.h"

struct glob;

/*
 * Compiles. pattern: bytes without NUL. Fails with ERR_USAGE (a sentence that shows the
 * pattern and what is wrong: an open bracket or brace, a range that is backwards, nothing
 * at all, a leading "/", "..", a trailing backslash) or ERR_LIMIT (PATTERN_LEN_MAX, 1024
 * alternatives). "." components and doubled or trailing "/" are cleaned; a trailing "/"
 * or "/." means directories only. *ret_glob is owned by the caller.
 *
 * Where the dialect could be read in two ways:
 * - `**` beside other bytes is a `*`. A `**` at the end takes one component or more, so
 *   that `a/` + `**` gives all below a and not a itself; elsewhere it may take none.
 * - A set never takes a '/'. In it a ']' that is first, and a '-' that is first or last,
 *   are themselves; '^' is an ordinary byte, and so is `[:`. `\` escapes there too.
 * - `\xHH` is the byte with that number, `\` before any other byte is that byte: what
 *   escape_encode() writes of a name is a pattern of that name, its other signs aside.
 * - Braces are expanded first, as text; what stands in a set or after a `\` is no brace
 *   and no comma. `{a}` is `a`. A '}' or ']' that closes nothing is itself.
 * - `.` (or `./`) is the root, the path of length 0.
 */
int glob_new(const char *pattern, size_t len, struct glob **ret_glob,
	     struct error *error);

void glob_free(struct glob *glob); /* NULL is fine */

/* Bytes before the first that is not itself in a pattern: `*`, `?`, `[`, `{` or `\`; the
 * length where there is none, and the pattern matches itself alone. */
size_t glob_plain_len(const char *pattern);
/* The pattern that matches this path alone. Owned by the caller. */
char *glob_escape(const char *path);

/* Whether the pattern matches this whole path (not merely a directory above it). */
bool glob_matches(const struct glob *glob, const char *path, size_t len, bool is_dir);

/* Whether something strictly below directory dir could match: what a walk must descend
 * into. dir_len 0 is the root. Exact but for sets that no name can satisfy, and for a
 * pattern that matches dir itself, which is not looked at. */
bool glob_may_match_below(const struct glob *glob, const char *dir, size_t dir_len);

/* A set of patterns, for filters. */
struct glob_set {
	struct glob **globs; /* owned */
	size_t count;
	/* As excludes do: a pattern without a '/' (but a trailing one) matches at any
	 * depth, unless it is "./NAME". */
	bool basename_anywhere;
};

/* What a set may hold, beside PATTERNS_MAX: bytes of all alternatives, each counted with
 * GLOB_ALTERNATIVE_COST more. Bounds what a message of nested braces can cost a daemon in
 * memory (some eight times as much at worst) and in time for each path. */
#define GLOB_SET_COST_MAX (2u * 1024u * 1024u)
#define GLOB_ALTERNATIVE_COST 64u

/* Compiles and adds; ERR_USAGE, ERR_LIMIT. */
int glob_set_add(struct glob_set *set, const char *pattern, size_t len,
		 struct error *error);
/* Whether a pattern matches the path itself, whatever is above it: for walks, which prune
 * at the parent already. */
bool glob_set_matches_itself(const struct glob_set *set, const char *path, size_t len,
			     bool is_dir);
void glob_set_fini(struct glob_set *set);

/* --only and --exclude of an attach. A set takes a path in when a pattern matches it or
 * any directory above it (PROTOCOL.md §6.1); parents count as directories. */
struct glob_filter {
	struct glob_set only; /* count 0: everything */
	struct glob_set exclude;
};

/* Whether it takes every path: most attaches have no filter, and ask for each row. */
static inline bool glob_filter_takes_all(const struct glob_filter *filter)
{
	return filter->only.count == 0 && filter->exclude.count == 0;
}
/* Whether the path is part of what is attached. */
bool glob_filter_takes(const struct glob_filter *filter, const char *path, size_t len,
		       bool is_dir);
/* Whether something strictly below a directory that is not taken can be. */
bool glob_filter_enters(const struct glob_filter *filter, const char *dir, size_t len);
void glob_filter_fini(struct glob_filter *filter);

#endif
