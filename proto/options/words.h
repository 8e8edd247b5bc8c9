/*
 * A command line cut into mentions of options and the words between them. Knows the
 * tables, but sets nothing. A library, which has no command line, fills the same
 * struct with option_words_add() and string_list_add(); then no value can be taken for an
 * option.
 */
#ifndef BATON_PROTO_OPTIONS_WORDS_H
#define BATON_PROTO_OPTIONS_WORDS_H

#include "proto/options/option.h"
#include "proto/options/string_list.h"

/* {0} is empty and ready. */
struct option_words {
	struct option_use *uses; /* owned; values borrowed */
	size_t use_count;
	const struct verb *verb;  /* borrowed; NULL until option_verb_take() */
	struct string_list words; /* neither options nor their values, nor the verb */
};

/*
 * argv[0] is the program. Understands --opt value, --opt=value, -n, -nv; "--" ends the
 * options, "-" is a word. ERR_USAGE for an unknown option, with the nearest one, a
 * missing value, or a value for a switch; what came before it is in *ret_words also then.
 * The caller frees it.
 */
int option_words_split(const struct program *program, int argc, char *const *argv,
		       struct option_words *ret_words, struct error *error);
void option_words_fini(struct option_words *words);

/* One mention of "--flag". value: borrowed, any bytes; NULL: none. ERR_USAGE as above. */
int option_words_add(const struct program *program, struct option_words *words,
		     const char *flag, const char *value, struct error *error);

/* The last mention of "--flag"; NULL: it is not mentioned. */
const struct option_use *option_words_find(const struct option_words *words,
					   const char *flag);

#endif
