/* help: the usage and the options, printed from the tables of both. */
#include <stdio.h>
#include <string.h>

#include "client/commands/command.h"
#include "client/options/option_table.h"
#include "client/options/suggest.h"

#define WIDTH 80
#define HELP_INDENT 10

/* Words of `text` in lines of WIDTH, each behind `indent` blanks. */
static void print_wrapped(const char *text, int indent)
{
	int column = 0;
	while (*text) {
		int len = (int)strcspn(text, " ");
		if (column > 0 && column + 1 + len > WIDTH) {
			(void)putchar('\n');
			column = 0;
		}
		column += printf("%*s%.*s", column > 0 ? 1 : indent, "", len, text);
		text += len;
		text += *text == ' ';
	}
	(void)putchar('\n');
}

static void print_option(const struct option *option)
{
	(void)printf("  ");
	if (option->letter)
		(void)printf("-%c, ", option->letter);
	(void)printf("%s", option->flag);
	if (option->argument)
		(void)printf(" %s", option->argument);
	if (option->variable)
		(void)printf("  (%s)", option->variable);
	(void)putchar('\n');
	print_wrapped(option->help, HELP_INDENT);
}

static void print_common_options(void)
{
	(void)puts("\noptions of every command, and the environment variable that sets "
		   "each:");
	for (const struct option *option = option_table; option->flag; option++) {
		if (option_is_common(option))
			print_option(option);
	}
}

static void print_own_options(const struct verb_words *verb)
{
	bool begun = false;
	for (const struct option *option = option_table; option->flag; option++) {
		if (option_is_common(option) || !option_taken_by(option, verb))
			continue;
		if (!begun)
			(void)printf("\noptions of baton %s:\n", verb->name);
		begun = true;
		print_option(option);
	}
}

static void print_usage(const struct verb_words *verb)
{
	(void)printf("  baton %s%s%s\n", verb->name,
		     verb->arguments[0] ? " [OPTION...] " : " [OPTION...]",
		     verb->arguments);
	print_wrapped(verb->summary, HELP_INDENT);
}

static void print_exit_statuses(void)
{
	static const char *const meanings[] = {
		"done",
		"a bug or an unexpected failure",
		"wrong usage, or an identity that contradicts itself",
		"not there: workflow, layer, path, or nothing matched",
		"conflict between concurrent layers",
		"not allowed",
		"damaged or unexpected data: a digest or checksum does not match",
		"daemon unreachable, busy, shutting down, or too slow: try again",
		"no room: disk, quota or a limit",
		"local file error: cannot read a source or write the destination",
	};
	(void)puts("\nexit status:");
	for (size_t i = 0; i < sizeof(meanings) / sizeof(*meanings); i++)
		(void)printf("  %zu  %s\n", i, meanings[i]);
}

static void print_all(void)
{
	(void)puts("Passes files between the jobs of a CI workflow.\n\ncommands:");
	for (const struct verb_words *verb = verbs; verb->name; verb++)
		print_usage(verb);
	(void)puts("\n`baton help COMMAND` lists the options of a command.");
	print_common_options();
	print_exit_statuses();
}

static void print_command(const struct verb_words *verb)
{
	(void)puts("usage:");
	print_usage(verb);
	print_own_options(verb);
	print_common_options();
}

/* For people, also with --json. */
int help_run(const struct options *options, struct report *report, struct error *error)
{
	(void)report;
	if (options->arguments.count == 0) {
		print_all();
		return 0;
	}
	const char *name = options->arguments.items[0];
	const struct verb_words *verb = verb_named(name);
	if (verb) {
		print_command(verb);
		return 0;
	}
	const char *nearest = suggest_command(name);
	return error_set(error, ERR_USAGE, "%s: there is no such command%s%s%s", name,
			 nearest ? "; did you mean `baton help " : "",
			 nearest ? nearest : "", nearest ? "`?" : "");
}
