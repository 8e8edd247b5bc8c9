#include "client/options/option_words.h"

#include <stdlib.h>
#include <string.h>

#include "client/options/suggest.h"
#include "proto/base/bytes.h"

/* Where the reading of argv stands. */
struct cursor {
	char *const *argv;
	int argc, at;
	struct option_words *words;
};

static void use(struct option_words *words, const struct option *option,
		const char *value)
{
	words->uses =
		must_realloc(words->uses, (words->use_count + 1) * sizeof(*words->uses));
	words->uses[words->use_count++] = (struct option_use){
		.option = option,
		.value = value,
		.origin = option->flag,
	};
}

static int refuse_unknown(const char *word, size_t len, struct error *error)
{
	const char *nearest = suggest_option(word + 2, len - 2);
	if (nearest)
		return error_set(error, ERR_USAGE,
				 "%.*s: there is no such option; did you mean --%s?",
				 (int)len, word, nearest);
	return error_set(error, ERR_USAGE,
			 "%.*s: there is no such option; `baton help COMMAND` lists them",
			 (int)len, word);
}

/* "--opt=value" or "--opt", whose value is the next word. */
static int split_long(struct cursor *cursor, struct error *error)
{
	const char *word = cursor->argv[cursor->at];
	size_t len = strcspn(word, "=");
	const char *value = word[len] ? word + len + 1 : NULL;
	const struct option *option = option_named(word + 2, len - 2);
	if (!option)
		return refuse_unknown(word, len, error);
	if (value && !option->argument)
		return error_set(error, ERR_USAGE, "%s: it takes no value", option->flag);
	if (!value && option->argument && cursor->at + 1 < cursor->argc)
		value = cursor->argv[++cursor->at];
	if (!value && option->argument)
		return error_set(error, ERR_USAGE, "%s: the value is missing: %s %s",
				 option->flag, option->flag, option->argument);
	use(cursor->words, option, value ? value : "");
	return 0;
}

/* "-n", "-nv": all that have a letter are switches. */
static int split_letters(struct cursor *cursor, struct error *error)
{
	const char *word = cursor->argv[cursor->at];
	for (const char *letter = word + 1; *letter; letter++) {
		const struct option *option = option_lettered(*letter);
		if (!option)
			return error_set(error, ERR_USAGE,
					 "%s: there is no option -%c; a PATH that begins "
					 "with - goes behind --",
					 word, *letter);
		use(cursor->words, option, "");
	}
	return 0;
}

static int split_word(struct cursor *cursor, struct error *error)
{
	const char *word = cursor->argv[cursor->at];
	if (strncmp(word, "--", 2) == 0)
		return split_long(cursor, error);
	if (word[0] == '-' && word[1])
		return split_letters(cursor, error);
	string_list_add(&cursor->words->words, word);
	return 0;
}

int option_words_split(int argc, char *const *argv, struct option_words *ret_words,
		       struct error *error)
{
	*ret_words = (struct option_words){0};
	struct cursor cursor = {argv, argc, 1, ret_words};
	for (; cursor.at < argc && strcmp(argv[cursor.at], "--") != 0; cursor.at++) {
		int err = split_word(&cursor, error);
		if (err < 0)
			return err;
	}
	for (int at = cursor.at + 1; at < argc; at++)
		string_list_add(&ret_words->words, argv[at]);
	return 0;
}

void option_words_fini(struct option_words *words)
{
	free(words->uses);
	string_list_fini(&words->words);
	*words = (struct option_words){0};
}

bool option_words_mention(const struct option_words *words, const char *flag)
{
	for (size_t i = 0; i < words->use_count; i++) {
		if (strcmp(words->uses[i].option->flag, flag) == 0)
			return true;
	}
	return false;
}
