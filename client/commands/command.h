/*
 * The verbs: one table, from which the dispatch, the usage and the help are made. One
 * file per verb.
 */
#ifndef BATON_CLIENT_COMMANDS_COMMAND_H
#define BATON_CLIENT_COMMANDS_COMMAND_H

#include "client/options/options.h"
#include "client/terminal/report.h"
#include "proto/base/error.h"

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

struct command {
	const char *name;
	const char *arguments; /* "[DIR]" … for the usage line */
	unsigned arguments_min, arguments_max;
	const char *summary; /* one line */
	bool cleans_up; /* when interrupted; else a signal ends it at once */
	/* Does it; 0 or an error, whose sentence main() prints. What it has to say on
	 * standard output it says through the report. */
	int (*run)(const struct options *options, struct report *report,
		   struct error *error);
};

extern const struct command commands[]; /* ends with a NULL name */

/* NULL: no such command. */
const struct command *command_named(const char *name);

int persist_run(const struct options *, struct report *, struct error *);
int attach_run(const struct options *, struct report *, struct error *);
int ls_run(const struct options *, struct report *, struct error *);
int log_run(const struct options *, struct report *, struct error *);
int diff_run(const struct options *, struct report *, struct error *);
int cat_run(const struct options *, struct report *, struct error *);
int status_run(const struct options *, struct report *, struct error *);
int whereami_run(const struct options *, struct report *, struct error *);
int version_run(const struct options *, struct report *, struct error *);
int help_run(const struct options *, struct report *, struct error *);

#endif
