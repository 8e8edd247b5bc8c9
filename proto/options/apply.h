/*
 * Writes what was said into the program's struct, `target`: first the initial values,
 * then a configuration file, then the command line, and last the environment, which
 * counts only where the line says nothing. After an error, what came before it is set.
 */
#ifndef BATON_PROTO_OPTIONS_APPLY_H
#define BATON_PROTO_OPTIONS_APPLY_H

#include "proto/options/words.h"

/* target is all zero before. */
void option_apply_initial(const struct program *program, void *target);

/* The mentions of a command line, of which the verb is taken (verb.h); a list on it
 * replaces what an earlier source said. Moves the other words to *ret_arguments, which is
 * empty before. ERR_USAGE also for what the verb does not take: an option, or so many
 * arguments. */
int option_apply_words(const struct program *program, struct option_words *words,
		       void *target, struct string_list *ret_arguments,
		       struct error *error);

/* The variables of options that the words do not mention; an empty one is not set. */
int option_apply_variables(const struct program *program,
			   const struct option_words *words, void *target,
			   struct error *error);

/* One text: the value, or for a list those in it, separated by commas, or one a line if
 * it holds a newline; empty ones are left out. */
int option_apply_text(const struct option_use *use, void *target, struct error *error);

/* Frees all that options keep in target, which is not usable then. */
void option_fini(const struct program *program, void *target);

#endif
