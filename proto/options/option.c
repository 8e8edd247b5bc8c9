#include "proto/options/option.h"

#include <string.h>

#include "proto/options/nearest.h"

static const char *name_of(const struct option *option)
{
	return option->flag + strlen("--");
}

const struct option *option_named(const struct program *program, const char *name,
				  size_t len)
{
	for (const struct option *option = program->options; option->flag; option++) {
		const char *known = name_of(option);
		if (strlen(known) == len && memcmp(known, name, len) == 0)
			return option;
	}
	return NULL;
}

const struct option *option_lettered(const struct program *program, char letter)
{
	for (const struct option *option = program->options; option->flag; option++) {
		if (option->letter && option->letter == letter)
			return option;
	}
	return NULL;
}

const char *option_nearest(const struct program *program, const char *name, size_t len)
{
	struct nearest nearest;
	nearest_init(&nearest, name, len);
	for (const struct option *option = program->options; option->flag; option++)
		nearest_consider(&nearest, name_of(option));
	return nearest.name;
}

bool option_taken_by(const struct program *program, const struct option *option,
		     const struct verb *verb)
{
	return option->verbs & 1u << (verb - program->verbs);
}

bool option_is_common(const struct option *option)
{
	return option->verbs == OPTION_OF_ALL;
}
