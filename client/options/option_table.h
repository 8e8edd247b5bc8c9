/*
 * The options: one table, from which parsing, the environment, the usage and the help are
 * made. Constant data.
 */
#ifndef BATON_CLIENT_OPTIONS_OPTION_TABLE_H
#define BATON_CLIENT_OPTIONS_OPTION_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "client/options/options.h"

struct option;

/* One mention: on the command line or in the environment. */
struct option_use {
	const struct option *option;
	const char *value;  /* borrowed; "" for a switch */
	const char *origin; /* borrowed; "--job", "BATON_JOB": for sentences, whereami */
};

struct option {
	const char *flag;     /* "--if-empty" */
	char letter;          /* 'n'; 0: none */
	const char *argument; /* "DIR", or the choices: "error|warn|ok"; NULL: a switch */
	const char *variable; /* "BATON_JOB"; NULL: none */
	unsigned verbs;       /* bit 1 << enum verb of each command that takes it */
	/* Repeatable; the variable holds them separated by commas, or one per line when
	 * it holds a newline. */
	bool list;
	int (*set)(struct options *options, const struct option_use *use,
		   struct error *error);
	size_t at;        /* what `set` sets: offset in struct options */
	const char *help; /* begins below the flag, cut into lines by the help */
};

/* At most so many rows, for those who keep a mark for each. */
#define OPTIONS_MAX 64

extern const struct option option_table[]; /* ends with a NULL flag */

/* NULL: no such option. name: behind the dashes, len bytes. */
const struct option *option_named(const char *name, size_t len);
const struct option *option_lettered(char letter);

bool option_taken_by(const struct option *option, const struct verb_words *verb);
/* Whether every command takes it. */
bool option_is_common(const struct option *option);

#endif
