/*
 * The command line cut into mentions of options and the words between them. Knows the
 * table of options, but sets nothing.
 */
#ifndef BATON_CLIENT_OPTIONS_OPTION_WORDS_H
#define BATON_CLIENT_OPTIONS_OPTION_WORDS_H

#include "client/options/option_table.h"
#include "proto/options/string_list.h"

struct option_words {
	struct option_use *uses; /* owned; values borrowed from argv */
	size_t use_count;
	struct string_list words; /* neither options nor their values */
};

/*
 * Understands --opt value, --opt=value, -n, -nv; "--" ends the options, "-" is a word.
 * ERR_USAGE for an unknown option, with the nearest one, a missing value, or a value for
 * a switch; what came before it is in *ret_words also then. The caller frees it.
 */
int option_words_split(int argc, char *const *argv, struct option_words *ret_words,
		       struct error *error);
void option_words_fini(struct option_words *words);

/* Whether an option is mentioned. */
bool option_words_mention(const struct option_words *words, const char *flag);

#endif
