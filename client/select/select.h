/*
 * What a persist is asked to take: PATHs (literal or glob), excludes, below one root
 * (rule T1). Knows names only; the walk reads directories.
 *
 * A PATH that exists as written is literal, also with special characters in it. Absolute
 * PATHs are cut at the first of their parents that is the root. ".." and what is outside
 * the root is ERR_USAGE, and so is a symbolic link inside a PATH, unless links are
 * followed.
 *
 * One thread.
 */
#ifndef BATON_CLIENT_SELECT_SELECT_H
#define BATON_CLIENT_SELECT_SELECT_H

#include <stdbool.h>
#include <stddef.h>

#include "client/terminal/faults.h"
#include "proto/base/error.h"
#include "proto/options/string_list.h"
#include "proto/path/glob.h"

struct selector {
	char *text; /* owned; as given, for sentences */
	char *path; /* owned; below the root; "": the root itself */
	size_t path_len;
	struct glob *glob; /* owned; NULL: literal */
	size_t plain_len;  /* of a glob: leading directories without special bytes */
	bool is_absent;    /* literal, and not there */
	bool matched;
};

struct selection {
	int root_fd;            /* owned */
	char *root;             /* owned; as given, for sentences */
	struct selector *items; /* owned; in the order given */
	size_t count;
	size_t *literals; /* owned; positions in items, those that are there, sorted by
			   * path_compare() */
	size_t literal_count;
	size_t *globs; /* owned; positions in items */
	size_t glob_count;
	struct glob_set excludes;
	bool follows; /* links that PATHs mean or go through (select_link.h) */
};

/* What is asked for. */
struct selection_how {
	const char *root;                   /* borrowed; NULL: "." */
	const struct string_list *paths;    /* borrowed */
	const char *paths_from;             /* borrowed; a file with more of them; NULL */
	bool is_literal;                    /* no PATH is a glob */
	bool follows;                       /* links that PATHs mean or go through */
	const struct string_list *excludes; /* borrowed */
	bool excludes_vcs;                  /* what version control systems keep */
};

/* Opens the root and takes the PATHs. ERR_USAGE, ERR_LOCAL (root or list cannot be read).
 * A PATH that is not there is no error yet: it stays unmatched. */
int selection_open(struct selection *selection, const struct selection_how *how,
		   struct error *error);
void selection_close(struct selection *selection);

/* Whether a PATH is literal and not there: known before the walk. */
bool selection_lacks(const struct selection *selection);
/* ERR_EMPTY: some PATH matched nothing; each is a fault. */
int selection_check(const struct selection *selection, struct faults *faults,
		    struct error *error);
/* PATHs that name the root itself matched if it holds anything. */
void selection_match_root(struct selection *selection, bool any);

/* A part of the sorted literals: those below one directory. */
struct literal_range {
	size_t first, end; /* in selection->literals */
};

/* A path that the walk has met. */
struct named {
	const char *path; /* borrowed */
	size_t len;
	bool is_dir;
};

/* What the selection says about one path. */
struct verdict {
	bool excluded;
	bool taken;                 /* an entry of the layer, with all below it */
	bool entered;               /* not taken, but something below may be */
	struct literal_range below; /* literals strictly below it */
};

/* path lies in a directory whose literals are `range`, which is itself taken or only
 * entered. Marks the selectors that matched. */
struct verdict selection_judge(struct selection *selection, struct literal_range range,
			       bool parent_taken, struct named path);

/* The first literal that is this path, or else lies below it; NULL: there is none. */
const struct selector *selection_literal_from(const struct selection *selection,
					      struct named path);

/* Whether a directory that is entered has to be read: false when only literals can match
 * in it. */
bool selection_reads(const struct selection *selection, const char *dir, size_t len);

#endif
