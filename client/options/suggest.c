#include "client/options/suggest.h"

#include <string.h>

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
	for (const struct verb_words *verb = verbs; verb->name; verb++)
		nearest_consider(&nearest, verb->name);
	return nearest.name;
}
