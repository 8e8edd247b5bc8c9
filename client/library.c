/* The calls of baton.h: each makes the words of a command line and runs its command. */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/baton.h"
#include "client/commands/command.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "proto/options/string_list.h"

static const struct {
	const char *flag;
	size_t at; /* its const char * in struct baton_options */
} texts[] = {
	{"--server", offsetof(struct baton_options, server)},
	{"--namespace", offsetof(struct baton_options, name_space)},
	{"--workflow", offsetof(struct baton_options, workflow)},
	{"--run", offsetof(struct baton_options, run)},
	{"--job", offsetof(struct baton_options, job)},
	{"--shard", offsetof(struct baton_options, shard)},
	{"--attempt", offsetof(struct baton_options, attempt)},
	{"--retry-of", offsetof(struct baton_options, retry_of)},
	{"--root", offsetof(struct baton_options, root)},
};

static const char *text_at(const struct baton_options *options, size_t at)
{
	const char *text;
	memcpy(&text, (const char *)options + at, sizeof(text));
	return text;
}

static void add_list(struct string_list *words, const char *flag, const char *const *list)
{
	for (; list && *list; list++) {
		if (flag)
			string_list_add(words, flag);
		string_list_add(words, *list);
	}
}

/* The command line that says the same. */
static void make_words(struct string_list *words, const char *verb,
		       const struct baton_options *options)
{
	static const char *const always[] = {"--json", "--quiet", "--no-progress", NULL};
	string_list_add(words, "baton");
	string_list_add(words, verb);
	add_list(words, NULL, always);
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		const char *const pair[] = {text_at(options, texts[i].at), NULL};
		add_list(words, texts[i].flag, pair);
	}
	add_list(words, "--needs", options->needs);
	add_list(words, NULL, options->more);
	string_list_add(words, "--");
	add_list(words, NULL, options->paths);
	if (options->directory)
		string_list_add(words, options->directory);
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

static int call(const char *verb, const struct baton_options *wanted, char **ret_json,
		struct baton_error *ret_error)
{
	struct string_list words AUTO(string_list_fini) = {0};
	make_words(&words, verb, wanted);
	struct options options AUTO(options_fini) = {0};
	struct error error = {0};
	int err = options_parse(&options, (int)words.count, words.items, &error);
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
	return call("persist", options, ret_json, error);
}

int baton_attach(const struct baton_options *options, char **ret_json,
		 struct baton_error *error)
{
	return call("attach", options, ret_json, error);
}

const char *baton_version(void)
{
	return BATON_VERSION;
}
