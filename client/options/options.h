/*
 * What the user asked for: one struct, filled from initial values, the command line, the
 * environment and the CI system's variables. Values of the identity keep where they were
 * found, for `whereami`.
 */
#ifndef BATON_CLIENT_OPTIONS_OPTIONS_H
#define BATON_CLIENT_OPTIONS_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "client/options/choices.h"
#include "client/options/option_table.h"
#include "proto/base/error.h"
#include "proto/message/message.h"
#include "proto/options/words.h"
#include "proto/unit/digest.h"

/* A value and where it was found: "--job", "BATON_JOB", "default", a CI system's
 * variable; NULL: it was not found. */
struct setting {
	char *value;  /* owned; NULL: not set */
	char *origin; /* owned */
};

struct options {
	const struct verb *verb; /* of verbs */

	/* identity and the daemon: every command */
	struct setting server, namespace, workflow, run, job, shard, attempt, execution;
	struct setting retry_of;
	char *ca, *certificate, *key; /* owned; files for tls://; NULL: none */
	char *token_file;             /* owned; NULL: none */
	bool retry_none;              /* --retry-of none */
	bool retry_detected;          /* found in a CI system's environment, not given */
	/* Owned; what the CI system's environment lacks and no option gives, as a
	 * sentence; NULL: nothing. */
	char *identity_problem;
	/* Owned; the same for the execution, without which a persist cannot be told from
	 * that of another job of its name. */
	char *execution_problem;
	struct string_list needs;
	struct setting needs_origin; /* value unused */
	bool has_needs;
	char *from_workflow; /* owned; NULL: none */
	int timeout_ms;      /* for reaching it, and for silence on the line */
	bool timeout_given;
	bool json, quiet, no_progress, verbose, dry_run;
	bool no_stat_record; /* persist, attach */

	/* persist */
	char *root;       /* owned */
	char *prefix;     /* owned; NULL: none; {job} and {shard} already replaced */
	char *paths_from; /* owned; NULL: none; "-": standard input */
	bool literal, follow, exclude_vcs, allow_token;
	enum if_changed if_changed;

	/* persist, attach */
	enum if_empty if_empty;
	struct string_list exclude;

	/* attach, ls, cat, log */
	char *directory; /* owned; default "." */
	struct string_list only, from, prefer;
	bool by_job, stale_keep, untrusted, delete_extra, keep_existing, times_now,
		verify, all;
	char *layer;       /* owned; NULL: none */
	char *on_conflict; /* owned; "error", "first", "last" */
	struct expected {
		bool given;
		struct digest digest;
	} expect;

	struct string_list arguments; /* of the verb: PATH…, GLOB…, LAYER LAYER */
};

/* Reads argv (argv[0] is the program) and the environment. ERR_USAGE names the option and
 * says what it takes; `json` and `quiet` are known also then. */
int options_parse(struct options *options, int argc, char *const *argv,
		  struct error *error);

/* The same for words that do not come from a command line: their verb is set, and what is
 * no option is an argument of it, and is moved out of *words. */
int options_fill(struct options *options, struct option_words *words,
		 struct error *error);

void options_fini(struct options *options);

/* The identity as the wire wants it, borrowed from options and from *ret_items, which the
 * caller frees. ERR_USAGE, with a sentence that says how to give what is missing: there
 * is no workflow or, with need_job, no job, or the CI system says only half of it. */
int options_identity(const struct options *options, bool need_job,
		     struct msg_identity *ret_identity, struct text **ret_items,
		     struct error *error);

#endif
