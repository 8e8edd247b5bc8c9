/* The calls of baton.h: each fills what a command line would and runs its command. */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/baton.h"
#include "client/commands/command.h"
#include "proto/base/cleanup.h"
#include "proto/options/words.h"

static int add_uses(struct option_words *words, const struct baton_options *wanted,
		    struct error *error)
{
	const struct baton_more given[] = {
		{"--server", wanted->server},     {"--namespace", wanted->name_space},
		{"--workflow", wanted->workflow}, {"--run", wanted->run},
		{"--job", wanted->job},           {"--shard", wanted->shard},
		{"--attempt", wanted->attempt},   {"--retry-of", wanted->retry_of},
		{"--root", wanted->root},
	};
	int err = 0;
	for (size_t i = 0; err == 0 && i < sizeof(given) / sizeof(*given); i++) {
		if (given[i].value)
			err = option_words_add(&baton, words, given[i].flag,
					       given[i].value, error);
	}
	for (const char *const *job = wanted->needs; err == 0 && job && *job; job++)
		err = option_words_add(&baton, words, "--needs", *job, error);
	for (const struct baton_more *more = wanted->more; err == 0 && more && more->flag;
	     more++)
		err = option_words_add(&baton, words, more->flag, more->value, error);
	return err;
}

static void add_arguments(struct option_words *words, const struct baton_options *wanted)
{
	for (const char *const *path = wanted->paths; path && *path; path++)
		string_list_add(&words->words, *path);
	if (wanted->directory)
		string_list_add(&words->words, wanted->directory);
}

/* As the program does with its command line, but that no value is ever text to cut. */
static int read_options(const struct verb *verb, const struct baton_options *wanted,
			struct options *ret_options, struct error *error)
{
	struct option_words words AUTO(option_words_fini) = {.verb = verb};
	add_arguments(&words, wanted);
	int err = add_uses(&words, wanted, error);
	if (err == 0)
		err = options_fill(ret_options, &words, error);
	ret_options->json = ret_options->quiet = ret_options->no_progress = true;
	return err;
}

static void give_error(const struct error *error, int code, struct baton_error *ret_error)
{
	*ret_error = (struct baton_error){.status = error_exit_status(code)};
	if (code == 0)
		return;
	(void)snprintf(ret_error->name, sizeof(ret_error->name), "%s", error_name(code));
	(void)snprintf(ret_error->sentence, sizeof(ret_error->sentence), "%s",
		       error->text);
}

static int call(size_t verb, const struct baton_options *wanted, char **ret_json,
		struct baton_error *ret_error)
{
	struct options options AUTO(options_fini) = {0};
	struct error error = {0};
	int err = read_options(&verbs[verb], wanted, &options, &error);
	struct report *report = report_new_silent();
	if (err == 0)
		err = command_run(&options, report, &error);
	char *json AUTO_FREE = report_take_object(report, err, &error);
	report_free(report);
	if (ret_error)
		give_error(&error, err, ret_error);
	if (ret_json)
		*ret_json = take_ptr(&json);
	return error_exit_status(err);
}

int baton_persist(const struct baton_options *options, char **ret_json,
		  struct baton_error *error)
{
	return call(VERB_PERSIST, options, ret_json, error);
}

int baton_attach(const struct baton_options *options, char **ret_json,
		 struct baton_error *error)
{
	return call(VERB_ATTACH, options, ret_json, error);
}

const char *baton_version(void)
{
	return BATON_VERSION;
}
