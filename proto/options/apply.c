#include "proto/options/apply.h"

#include <stdlib.h>
#include <string.h>

#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"

static void *place_of(void *target, const struct option *option)
{
	return (char *)target + option->at;
}

void option_apply_initial(const struct program *program, void *target)
{
	struct error error;
	for (const struct option *option = program->options; option->flag; option++) {
		struct option_use use = {.option = option, .value = option->initial};
		claim(!option->initial || option->kind->set(target, &use, &error) == 0);
	}
}

/* ---- the command line -------------------------------------------------------------- */

static unsigned count_takers(const struct program *program, const struct option *option)
{
	unsigned count = 0;
	for (const struct verb *verb = program->verbs; verb->name; verb++)
		count += option_taken_by(program, option, verb);
	return count;
}

/* "attach, ls and cat" */
static void list_takers(const struct program *program, const struct option *option,
			struct buffer *text)
{
	unsigned left = count_takers(program, option);
	bool begun = false;
	for (const struct verb *verb = program->verbs; verb->name; verb++) {
		if (!option_taken_by(program, option, verb))
			continue;
		const char *gap = !begun ? "" : left == 1 ? " and " : ", ";
		const char *name = verb->name[0] ? verb->name : program->name;
		buffer_put(text, gap, strlen(gap));
		buffer_put(text, name, strlen(name));
		begun = true;
		left--;
	}
	buffer_put_u8(text, '\0');
}

static int refuse_foreign(const struct program *program, const struct option *option,
			  const struct verb *verb, struct error *error)
{
	struct buffer takers AUTO(buffer_fini) = {0};
	list_takers(program, option, &takers);
	return error_set(error, ERR_USAGE, "%s: `%s%s%s` does not take it; %s %s",
			 option->flag, program->name, verb->name[0] ? " " : "",
			 verb->name, (const char *)takers.at,
			 count_takers(program, option) == 1 ? "does" : "do");
}

static void empty_lists(const struct option_words *words, void *target)
{
	for (size_t i = 0; i < words->use_count; i++) {
		const struct option *option = words->uses[i].option;
		if (option->kind->is_list)
			option->kind->fini(place_of(target, option));
	}
}

static int check_arguments(const struct program *program,
			   const struct option_words *words, struct error *error)
{
	const struct verb *verb = words->verb;
	size_t count = words->words.count;
	if (count > verb->arguments_max)
		return error_set(error, ERR_USAGE,
				 "%s: one argument too many; usage: %s %s %s",
				 words->words.items[verb->arguments_max], program->name,
				 verb->name, verb->arguments);
	if (count < verb->arguments_min)
		return error_set(error, ERR_USAGE,
				 "an argument is missing; usage: %s %s %s", program->name,
				 verb->name, verb->arguments);
	return 0;
}

int option_apply_words(const struct program *program, struct option_words *words,
		       void *target, struct string_list *ret_arguments,
		       struct error *error)
{
	empty_lists(words, target);
	for (size_t i = 0; i < words->use_count; i++) {
		const struct option_use *use = &words->uses[i];
		if (!option_taken_by(program, use->option, words->verb))
			return refuse_foreign(program, use->option, words->verb, error);
		int err = use->option->kind->set(target, use, error);
		if (err < 0)
			return err;
	}
	int err = check_arguments(program, words, error);
	if (err < 0)
		return err;
	*ret_arguments = words->words;
	words->words = (struct string_list){0};
	return 0;
}

/* ---- the environment --------------------------------------------------------------- */

/* Takes the first entry off a list and trims it; *list is NULL behind the last. */
static char *next_entry(const char **list, const char *separator)
{
	static const char blank[] = " \t\r\n";
	const char *at = *list + strspn(*list, blank);
	const char *end = *list + strcspn(*list, separator);
	*list = *end ? end + 1 : NULL;
	while (end > at && strchr(blank, end[-1]))
		end--;
	return must_memdup(at, end > at ? (size_t)(end - at) : 0);
}

static int apply_list(struct option_use use, void *target, struct error *error)
{
	const char *list = use.value;
	const char *separator = strchr(list, '\n') ? "\n" : ",";
	int err = 0;
	while (list && err == 0) {
		char *entry AUTO_FREE = next_entry(&list, separator);
		use.value = entry;
		if (*entry)
			err = use.option->kind->set(target, &use, error);
	}
	return err;
}

int option_apply_text(const struct option_use *use, void *target, struct error *error)
{
	return use->option->kind->is_list ? apply_list(*use, target, error)
					  : use->option->kind->set(target, use, error);
}

int option_apply_variables(const struct program *program,
			   const struct option_words *words, void *target,
			   struct error *error)
{
	int err = 0;
	for (const struct option *option = program->options; option->flag && err == 0;
	     option++) {
		const char *value = option->variable ? getenv(option->variable) : NULL;
		struct option_use use = {option, value, option->variable};
		if (value && *value && !option_words_find(words, option->flag))
			err = option_apply_text(&use, target, error);
	}
	return err;
}

void option_fini(const struct program *program, void *target)
{
	for (const struct option *option = program->options; option->flag; option++) {
		if (option->kind->fini)
			option->kind->fini(place_of(target, option));
	}
}
