#include "proto/options/help.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "proto/options/verb.h"

#define WIDTH 80
#define INDENT 10

/* Words of `text` in lines of WIDTH, each behind INDENT blanks. */
static void print_wrapped(const char *text)
{
	int column = 0;
	while (*text) {
		int len = (int)strcspn(text, " ");
		if (column > 0 && column + 1 + len > WIDTH) {
			(void)putchar('\n');
			column = 0;
		}
		column += printf("%*s%.*s", column > 0 ? 1 : INDENT, "", len, text);
		text += len;
		text += *text == ' ';
	}
	(void)putchar('\n');
}

/* The option's help with its initial value; owned by the caller. */
static char *help_of(const struct option *option)
{
	static const char mark[] = "(default)";
	const char *at = option->initial ? strstr(option->help, mark) : NULL;
	if (!at)
		return must_strdup(option->help);
	char *text;
	claim(asprintf(&text, "%.*s(default %s)%s", (int)(at - option->help),
		       option->help, option->initial, at + strlen(mark)) >= 0);
	return text;
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
	char *help AUTO_FREE = help_of(option);
	print_wrapped(help);
}

/* Those of a verb alone, or with NULL those that every verb takes. */
static void print_options(const struct program *program, const struct verb *verb)
{
	bool begun = false;
	for (const struct option *option = program->options; option->flag; option++) {
		bool is_common = option_is_common(option);
		if (verb ? is_common || !option_taken_by(program, option, verb)
			 : !is_common)
			continue;
		if (!begun && verb)
			(void)printf("\noptions of %s%s%s:\n", program->name,
				     verb->name[0] ? " " : "", verb->name);
		else if (!begun)
			(void)printf("\n%s:\n", program->common);
		begun = true;
		print_option(option);
	}
}

static void print_usage(const struct program *program, const struct verb *verb)
{
	(void)printf("  %s%s%s [OPTION...]%s%s\n", program->name,
		     verb->name[0] ? " " : "", verb->name, verb->arguments[0] ? " " : "",
		     verb->arguments);
	print_wrapped(verb->summary);
}

static void print_all(const struct program *program)
{
	(void)printf("%s\n\ncommands:\n", program->about);
	for (const struct verb *verb = program->verbs; verb->name; verb++)
		print_usage(program, verb);
	(void)printf("\n`%s help COMMAND` lists the options of a command.\n",
		     program->name);
	if (program->verbs[0].name[0] == '\0')
		print_options(program, &program->verbs[0]);
	print_options(program, NULL);
	(void)printf("\n%s", program->notes);
}

int option_help(const struct program *program, const char *name, struct error *error)
{
	if (!name) {
		print_all(program);
		return 0;
	}
	const struct verb *verb;
	int err = option_verb_named(program, name, "help ", &verb, error);
	if (err < 0)
		return err;
	(void)puts("usage:");
	print_usage(program, verb);
	print_options(program, verb);
	print_options(program, NULL);
	return 0;
}
