#include "proto/options/words.h"

#include <stdlib.h>
#include <string.h>

#include "proto/base/bytes.h"

/* Where the reading of argv stands. */
struct cursor {
	const struct program *program;
	char *const *argv;
	int argc, at;
	struct option_words *words;
};

static void add_use(struct option_words *words, const struct option *option,
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

static int refuse_unknown(const struct program *program, const char *flag, size_t len,
			  struct error *error)
{
	size_t dashes = len < 2 ? len : 2;
	const char *nearest = option_nearest(program, flag + dashes, len - dashes);
	if (nearest)
		return error_set(error, ERR_USAGE,
				 "%.*s: there is no such option; did you mean --%s?",
				 (int)len, flag, nearest);
	return error_set(error, ERR_USAGE,
			 "%.*s: there is no such option; `%s help%s` lists them",
			 (int)len, flag, program->name,
			 program->verbs[0].name[0] ? " COMMAND" : "");
}

/* flag: of len bytes. *ret_option: what is mentioned, which takes a value or does not. */
static int find(const struct program *program, const char *flag, size_t len,
		const struct option **ret_option, struct error *error)
{
	bool is_flag = len > 2 && strncmp(flag, "--", 2) == 0;
	*ret_option = is_flag ? option_named(program, flag + 2, len - 2) : NULL;
	return *ret_option ? 0 : refuse_unknown(program, flag, len, error);
}

static int add(struct option_words *words, const struct option *option, const char *value,
	       struct error *error)
{
	if (value && !option->argument)
		return error_set(error, ERR_USAGE, "%s: it takes no value", option->flag);
	if (!value && option->argument)
		return error_set(error, ERR_USAGE, "%s: the value is missing: %s %s",
				 option->flag, option->flag, option->argument);
	add_use(words, option, value ? value : "");
	return 0;
}

int option_words_add(const struct program *program, struct option_words *words,
		     const char *flag, const char *value, struct error *error)
{
	const struct option *option;
	int err = find(program, flag, strlen(flag), &option, error);
	return err < 0 ? err : add(words, option, value, error);
}

/* "--opt=value" or "--opt", whose value is the next word. */
static int split_long(struct cursor *cursor, struct error *error)
{
	const char *word = cursor->argv[cursor->at];
	size_t len = strcspn(word, "=");
	const char *value = word[len] ? word + len + 1 : NULL;
	const struct option *option;
	int err = find(cursor->program, word, len, &option, error);
	if (err < 0)
		return err;
	if (!value && option->argument && cursor->at + 1 < cursor->argc)
		value = cursor->argv[++cursor->at];
	return add(cursor->words, option, value, error);
}

/* "-n", "-nv": all that have a letter are switches. */
static int split_letters(struct cursor *cursor, struct error *error)
{
	const char *word = cursor->argv[cursor->at];
	const char *advice = cursor->program->dash_advice;
	for (const char *letter = word + 1; *letter; letter++) {
		const struct option *option = option_lettered(cursor->program, *letter);
		if (!option)
			return error_set(error, ERR_USAGE,
					 "%s: there is no option -%c%s%s", word, *letter,
					 advice ? "; " : "", advice ? advice : "");
		add_use(cursor->words, option, "");
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

int option_words_split(const struct program *program, int argc, char *const *argv,
		       struct option_words *ret_words, struct error *error)
{
	*ret_words = (struct option_words){0};
	struct cursor cursor = {program, argv, argc, 1, ret_words};
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

const struct option_use *option_words_find(const struct option_words *words,
					   const char *flag)
{
	for (size_t i = words->use_count; i-- > 0;) {
		if (strcmp(words->uses[i].option->flag, flag) == 0)
			return &words->uses[i];
	}
	return NULL;
}
