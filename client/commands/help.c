/* help: what the tables of options say, for people, also with --json. */
#include "proto/options/help.h"
#include "client/commands/command.h"
#include "client/options/option_table.h"

int help_run(const struct options *options, struct report *report, struct error *error)
{
	(void)report;
	const struct string_list *arguments = &options->arguments;
	return option_help(&baton, arguments->count > 0 ? arguments->items[0] : NULL,
			   error);
}
