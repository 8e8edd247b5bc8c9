/*
 * libbaton: the client of Baton as a C library. What `baton persist` and `baton attach`
 * do, without a process of their own and without a word on standard output or standard
 * error.
 *
 * One call at a time in a process, from any thread; a call may have threads of its own
 * while it runs. SIGPIPE is never raised. What options leave open is looked for where the
 * program looks for it: BATON_ variables, then the CI system's environment. Out of memory
 * aborts.
 */
#ifndef BATON_CLIENT_BATON_H
#define BATON_CLIENT_BATON_H

#ifdef __cplusplus
extern "C" {
#endif

/* Any option of the command: {"--exclude", "*.o"}, {"--delete", NULL}. */
struct baton_more {
	const char *flag;
	const char *value; /* any bytes, also like an option; NULL: it takes none */
};

/* What is wanted; baton(1) describes each by the name of its option. NULL: not said. A
 * list ends with NULL. All borrowed for the duration of the call. */
struct baton_options {
	const char *server;
	const char *name_space;
	const char *workflow;
	const char *run;
	const char *job;
	const char *shard;
	const char *attempt;
	const char *retry_of;
	const char *const *needs;

	const char *root;         /* persist */
	const char *const *paths; /* persist: at least one */
	const char *directory;    /* attach: NULL is "." */

	const struct baton_more *more; /* ends with a NULL flag */
};

struct baton_error {
	int status;          /* exit status that baton(1) would have, 1 … 9; 0: none */
	char name[16];       /* "not-found", "conflict" … as in baton-protocol(7) */
	char sentence[1024]; /* what: why */
};

/*
 * Each returns 0 or the error's status. *ret_json, unless ret_json is NULL, is what
 * --json would have printed, also after a failure; freed by the caller with free().
 * *error, unless error is NULL, is filled in both cases.
 */
int baton_persist(const struct baton_options *options, char **ret_json,
		  struct baton_error *error);
int baton_attach(const struct baton_options *options, char **ret_json,
		 struct baton_error *error);

/* "0.1.0" */
const char *baton_version(void);

#ifdef __cplusplus
}
#endif

#endif
