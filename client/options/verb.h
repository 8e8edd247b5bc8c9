/*
 * The verbs of the command line as words: one table, from which parsing, the usage and
 * the help are made. What each does is in client/commands. Constant data.
 */
#ifndef BATON_CLIENT_OPTIONS_VERB_H
#define BATON_CLIENT_OPTIONS_VERB_H

#include <stdbool.h>

/* Places in the table. */
enum verb {
	VERB_PERSIST,
	VERB_ATTACH,
	VERB_LS,
	VERB_LOG,
	VERB_DIFF,
	VERB_CAT,
	VERB_STATUS,
	VERB_WHEREAMI,
	VERB_VERSION,
	VERB_HELP,
};

struct verb_words {
	const char *name;
	const char *arguments; /* "[DIR]" … for the usage line */
	unsigned arguments_min, arguments_max;
	const char *summary; /* one line */
	bool cleans_up;      /* when interrupted; else a signal ends it at once */
};

extern const struct verb_words verbs[]; /* by enum verb; ends with a NULL name */

/* NULL: no such verb. */
const struct verb_words *verb_named(const char *name);
enum verb verb_number(const struct verb_words *verb);

#endif
