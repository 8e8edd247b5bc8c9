/*
 * Which verb of a program a command line means.
 */
#ifndef BATON_PROTO_OPTIONS_VERB_H
#define BATON_PROTO_OPTIONS_VERB_H

#include "proto/options/words.h"

/*
 * Sets words->verb by the first word and takes that away: the verb's arguments are left.
 * --help, whose argument is the first word, and --version may stand anywhere; all else is
 * then dropped. ERR_USAGE: no verb is named, or one that there is not, with the nearest.
 */
int option_verb_take(const struct program *program, struct option_words *words,
		     struct error *error);

/* *ret_verb: the verb of that name. ERR_USAGE, with the nearest one behind the program's
 * name and `asked`: "" or "help ". */
int option_verb_named(const struct program *program, const char *name, const char *asked,
		      const struct verb **ret_verb, struct error *error);

#endif
