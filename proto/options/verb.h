/*
 * Which verb of a program a command line means.
 */
#ifndef BATON_PROTO_OPTIONS_VERB_H
#define BATON_PROTO_OPTIONS_VERB_H

#include "proto/options/words.h"

/*
 * Takes the first word away, which names the verb, so that its arguments are left.
 * --help, of which the first word is the argument, and --version may stand anywhere; with
 * them nothing else counts, and the words lose it. ERR_USAGE: there is no verb, or no
 * such one, with the nearest.
 */
int option_verb_take(const struct program *program, struct option_words *words,
		     const struct verb **ret_verb, struct error *error);

/* Whether so many arguments may follow the verb. ERR_USAGE. */
int option_verb_check(const struct program *program, const struct verb *verb,
		      const struct string_list *arguments, struct error *error);

/* *ret_verb: the verb of that name. ERR_USAGE, with the nearest one; asked: what stands
 * between the program's name and the verb's to say what was meant, "" or "help ". */
int option_verb_named(const struct program *program, const char *name, const char *asked,
		      const struct verb **ret_verb, struct error *error);

#endif
