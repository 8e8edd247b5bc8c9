/*
 * What baton can be told: the tables of its verbs and options. Constant data.
 */
#ifndef BATON_CLIENT_OPTIONS_OPTION_TABLE_H
#define BATON_CLIENT_OPTIONS_OPTION_TABLE_H

#include "proto/options/option.h"

/* Places in `verbs`. What each does is in client/commands. */
enum {
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

extern const struct verb verbs[]; /* ends with a NULL name */

/* Its options are kept in struct options. */
extern const struct program baton;

#endif
