/*
 * Setters of the table of options: each checks a value and puts it where the option's
 * `at` says. ERR_USAGE with a sentence that begins with the mention.
 */
#ifndef BATON_CLIENT_OPTIONS_OPTION_SET_H
#define BATON_CLIENT_OPTIONS_OPTION_SET_H

#include "client/options/option_table.h"

#define OPTION_SETTER(name)                                                              \
	int option_set_##name(struct options *options, const struct option_use *use,     \
			      struct error *error)

OPTION_SETTER(flag);        /* bool: true */
OPTION_SETTER(text);        /* char *: any bytes, not empty */
OPTION_SETTER(name);        /* char *: a name (PROTOCOL.md §1) */
OPTION_SETTER(names);       /* struct string_list of names */
OPTION_SETTER(patterns);    /* struct string_list of globs */
OPTION_SETTER(choice);      /* an enum in the order of the choices */
OPTION_SETTER(choice_word); /* char *: the choice itself */
OPTION_SETTER(choice_bool); /* bool: whether it is the second choice */
OPTION_SETTER(setting);     /* struct setting: a name and its origin */
OPTION_SETTER(server);      /* struct setting: a URL */
OPTION_SETTER(needs);       /* names; an empty one says that there are none */
OPTION_SETTER(retry_of);    /* struct setting, or retry_none */
OPTION_SETTER(timeout);     /* seconds, kept as milliseconds */
OPTION_SETTER(no_token);    /* nothing: refused */
OPTION_SETTER(layer);       /* char *: a layer's id or the beginning of one */
OPTION_SETTER(digest);      /* char *: "sha256:…" */

#undef OPTION_SETTER
#endif
