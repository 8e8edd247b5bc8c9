#include "proto/options/verb.h"

#include <stdlib.h>
#include <string.h>

#include "proto/options/nearest.h"

int option_verb_named(const struct program *program, const char *name, const char *asked,
		      const struct verb **ret_verb, struct error *error)
{
	struct nearest nearest;
	nearest_init(&nearest, name, strlen(name));
	for (const struct verb *verb = program->verbs; verb->name; verb++) {
		if (!*verb->name)
			continue;
		nearest_consider(&nearest, verb->name);
		if (strcmp(verb->name, name) == 0) {
			*ret_verb = verb;
			return 0;
		}
	}
	if (nearest.name)
		return error_set(error, ERR_USAGE,
				 "%s: there is no such command; did you mean `%s %s%s`?",
				 name, program->name, asked, nearest.name);
	return error_set(error, ERR_USAGE,
			 "%s: there is no such command; `%s help` lists them", name,
			 program->name);
}

static void drop_first(struct string_list *list)
{
	free(list->items[0]);
	list->count--;
	memmove(list->items, list->items + 1, list->count * sizeof(*list->items));
}

/* Leaves the first `count` words, or fewer, and no mentions. */
static void keep_words(struct option_words *words, size_t count)
{
	while (words->words.count > count)
		free(words->words.items[--words->words.count]);
	words->use_count = 0;
}

int option_verb_take(const struct program *program, struct option_words *words,
		     struct error *error)
{
	bool wants_help = option_words_find(words, "--help");
	if (wants_help || option_words_find(words, "--version")) {
		const char *name = wants_help ? "help" : "version";
		keep_words(words, wants_help ? 1 : 0);
		return option_verb_named(program, name, "", &words->verb, error);
	}
	if (words->words.count > 0) {
		int err = option_verb_named(program, words->words.items[0], "",
					    &words->verb, error);
		if (err == 0)
			drop_first(&words->words);
		return err;
	}
	words->verb = &program->verbs[0];
	if (words->verb->name[0] == '\0')
		return 0;
	return error_set(error, ERR_USAGE, "which command? `%s help` lists them",
			 program->name);
}
