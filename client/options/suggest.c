#include "client/options/suggest.h"

#include <string.h>

#include "client/commands/command.h"
#include "client/options/option_table.h"
#include "proto/options/nearest.h"

const char *suggest_option(const char *name, size_t len)
{
	struct nearest nearest;
	nearest_init(&nearest, name, len);
	for (const struct option *option = option_table; option->flag; option++)
		nearest_consider(&nearest, option->flag + strlen("--"));
	return nearest.name;
}

const char *suggest_command(const char *name)
{
	struct nearest nearest;
	nearest_init(&nearest, name, strlen(name));
	for (const struct command *command = commands; command->name; command++)
		nearest_consider(&nearest, command->name);
	return nearest.name;
}
