#include "client/options/options.h"

#include <stdlib.h>
#include <string.h>

#include "client/ci/ci.h"
#include "client/options/identity.h"
#include "client/options/option_prefix.h"
#include "client/options/option_set.h"
#include "client/options/option_table.h"
#include "client/options/option_words.h"
#include "client/options/suggest.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"

#define TIMEOUT_DEFAULT_MS 60000

/* ---- mentions ---------------------------------------------------------------------- */

static unsigned count_takers(const struct option *option)
{
	unsigned count = 0;
	for (const struct verb_words *verb = verbs; verb->name; verb++)
		count += option_taken_by(option, verb);
	return count;
}

/* "attach, ls and cat" */
static void list_commands(const struct option *option, struct buffer *text)
{
	unsigned left = count_takers(option);
	bool begun = false;
	for (const struct verb_words *verb = verbs; verb->name; verb++) {
		if (!option_taken_by(option, verb))
			continue;
		const char *gap = !begun ? "" : left == 1 ? " and " : ", ";
		buffer_put(text, gap, strlen(gap));
		buffer_put(text, verb->name, strlen(verb->name));
		begun = true;
		left--;
	}
	buffer_put_u8(text, '\0');
}

static int refuse_foreign(const struct option *option, const struct verb_words *verb,
			  struct error *error)
{
	struct buffer takers AUTO(buffer_fini) = {0};
	list_commands(option, &takers);
	return error_set(error, ERR_USAGE, "%s: `baton %s` does not take it; %s %s",
			 option->flag, verb->name, (const char *)takers.at,
			 count_takers(option) == 1 ? "does" : "do");
}

static int apply_line(struct options *options, const struct option_words *words,
		      struct error *error)
{
	for (size_t i = 0; i < words->use_count; i++) {
		const struct option_use *use = &words->uses[i];
		if (!option_taken_by(use->option, options->verb))
			return refuse_foreign(use->option, options->verb, error);
		int err = use->option->set(options, use, error);
		if (err < 0)
			return err;
	}
	return 0;
}

/* ---- the environment --------------------------------------------------------------- */

/* Takes the first entry off a list and trims it; NULL at the end. */
static char *next_entry(const char **list, const char *separator)
{
	static const char blank[] = " \t\r\n";
	if (!*list)
		return NULL;
	const char *at = *list + strspn(*list, blank);
	const char *end = *list + strcspn(*list, separator);
	*list = *end ? end + 1 : NULL;
	while (end > at && strchr(blank, end[-1]))
		end--;
	return must_memdup(at, end > at ? (size_t)(end - at) : 0);
}

static int apply_list(struct options *options, struct option_use use, struct error *error)
{
	const char *list = use.value;
	const char *separator = strchr(list, '\n') ? "\n" : ",";
	int err = 0;
	while (list && err == 0) {
		char *entry AUTO_FREE = next_entry(&list, separator);
		use.value = entry;
		if (*entry)
			err = use.option->set(options, &use, error);
	}
	return err;
}

/* A text from the environment: one value, or several where the option is a list. */
static int apply_text(struct options *options, const struct option_use *use,
		      struct error *error)
{
	return use->option->list ? apply_list(options, *use, error)
				 : use->option->set(options, use, error);
}

static int apply_variables(struct options *options, const struct option_words *words,
			   struct error *error)
{
	for (const struct option *option = option_table; option->flag; option++) {
		const char *value = option->variable ? getenv(option->variable) : NULL;
		if (!value || !*value || option_words_mention(words, option->flag))
			continue;
		struct option_use use = {option, value, option->variable};
		int err = apply_text(options, &use, error);
		if (err < 0)
			return err;
	}
	return 0;
}

/* A token that is no option's, refused like one in a file. */
static int refuse_token(struct options *options, struct error *error)
{
	const char *token = getenv("BATON_TOKEN");
	struct option_use use = {.value = token, .origin = "BATON_TOKEN"};
	return token && *token ? option_set_no_token(options, &use, error) : 0;
}

/* Takes what the CI system says of a value that nobody gave. */
static int take_detected(struct options *options, const struct identity_value *value,
			 const struct ci_system *system, struct error *error)
{
	struct ci_finding finding AUTO(ci_finding_fini) = {0};
	ci_find(system, value->flag, &finding);
	char **problem = value->for_persist ? &options->execution_problem
					    : &options->identity_problem;
	if (finding.problem && !*problem)
		*problem = identity_advice(value, system, finding.problem);
	if (!finding.value)
		return 0;
	struct option_use use = {identity_option(value), finding.value, finding.origin};
	int err = apply_text(options, &use, error);
	if (err == 0 && value->at == offsetof(struct options, retry_of))
		options->retry_detected = true;
	return err;
}

static int detect_identity(struct options *options, struct error *error)
{
	const struct ci_system *system = ci_detect(ci_systems, NULL);
	int err = 0;
	for (const struct identity_value *value = identity_values; value->name; value++) {
		if (err == 0 && !identity_setting(value, options)->origin)
			err = take_detected(options, value, system, error);
	}
	return err;
}

/* ---- the command ------------------------------------------------------------------- */

static void drop_first(struct string_list *list)
{
	free(list->items[0]);
	list->count--;
	memmove(list->items, list->items + 1, list->count * sizeof(*list->items));
}

static int refuse_command(const char *name, struct error *error)
{
	const char *nearest = suggest_command(name);
	return error_set(error, ERR_USAGE, "%s: there is no such command; %s%s%s", name,
			 nearest ? "did you mean `baton " : "`baton help",
			 nearest ? nearest : "", nearest ? "`?" : "` lists them");
}

/* --help and --version are commands that may stand anywhere. */
static int find_command(struct options *options, struct error *error)
{
	struct string_list *words = &options->arguments;
	if (options->help_asked) {
		options->verb = &verbs[VERB_HELP];
		while (words->count > 1)
			free(words->items[--words->count]);
		return 0;
	}
	if (options->version_asked)
		string_list_fini(words);
	const char *name = options->version_asked ? "version" : NULL;
	if (!name && words->count == 0)
		return error_set(error, ERR_USAGE,
				 "which command? `baton help` lists them");
	options->verb = verb_named(name ? name : words->items[0]);
	if (!options->verb)
		return refuse_command(words->items[0], error);
	if (!name)
		drop_first(words);
	return 0;
}

static int check_arguments(const struct options *options, struct error *error)
{
	const struct verb_words *verb = options->verb;
	size_t count = options->arguments.count;
	if (count >= verb->arguments_min && count <= verb->arguments_max)
		return 0;
	if (count > verb->arguments_max)
		return error_set(error, ERR_USAGE,
				 "%s: one argument too many; usage: baton %s %s",
				 options->arguments.items[verb->arguments_max],
				 verb->name, verb->arguments);
	return error_set(error, ERR_USAGE, "an argument is missing; usage: baton %s %s",
			 verb->name, verb->arguments);
}

static int check_paths(const struct options *options, struct error *error)
{
	if (options->verb != &verbs[VERB_PERSIST] || options->arguments.count > 0 ||
	    options->paths_from)
		return 0;
	return error_set(error, ERR_USAGE,
			 "persist: which files? give a PATH, or --paths-from");
}

/* ---- all of it --------------------------------------------------------------------- */

static void default_text(char **text, const char *value)
{
	if (!*text)
		*text = must_strdup(value);
}

static void set_defaults(struct options *options)
{
	default_text(&options->root, ".");
	default_text(&options->on_conflict, "error");
	bool has_directory = options->verb == &verbs[VERB_ATTACH] &&
			     options->arguments.count > 0;
	default_text(&options->directory,
		     has_directory ? options->arguments.items[0] : ".");
	if (!options->namespace.value)
		default_text(&options->namespace.origin, "default");
	default_text(&options->namespace.value, "default");
}

/* What the words say; then what they leave open. */
static int read_all(struct options *options, const struct option_words *words,
		    struct error *error)
{
	int err = find_command(options, error);
	if (err < 0 || options->help_asked || options->version_asked)
		return err;
	err = apply_line(options, words, error);
	bool needs_identity = options->verb != &verbs[VERB_HELP] &&
			      options->verb != &verbs[VERB_VERSION];
	if (err == 0 && needs_identity)
		err = apply_variables(options, words, error);
	if (err == 0 && needs_identity)
		err = refuse_token(options, error);
	if (err == 0 && needs_identity)
		err = detect_identity(options, error);
	if (err == 0)
		err = check_arguments(options, error);
	if (err == 0)
		err = check_paths(options, error);
	return err;
}

/* What main() has to know also when the rest cannot be understood. */
static void read_tone(struct options *options, const struct option_words *words)
{
	options->json = option_words_mention(words, "--json");
	options->quiet = option_words_mention(words, "--quiet");
	options->help_asked = option_words_mention(words, "--help");
	options->version_asked = option_words_mention(words, "--version");
}

int options_parse(struct options *options, int argc, char *const *argv,
		  struct error *error)
{
	*options = (struct options){.timeout_ms = TIMEOUT_DEFAULT_MS};
	struct option_words words AUTO(option_words_fini) = {0};
	int err = option_words_split(argc, argv, &words, error);
	read_tone(options, &words);
	if (err < 0)
		return err;
	options->arguments = words.words;
	words.words = (struct string_list){0};
	err = read_all(options, &words, error);
	if (err < 0)
		return err;
	set_defaults(options);
	return option_prefix_fill(options, error);
}
