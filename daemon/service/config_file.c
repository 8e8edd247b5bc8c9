#include "daemon/service/config_file.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "proto/base/cleanup.h"
#include "proto/base/text.h"
#include "proto/options/nearest.h"

static bool is_key(const struct option *option)
{
	return option->argument && option->at != offsetof(struct config, file);
}

static int refuse_key(const char *origin, const char *name, struct error *error)
{
	struct nearest nearest;
	nearest_init(&nearest, name, strlen(name));
	for (const struct option *option = batond.options; option->flag; option++) {
		if (is_key(option))
			nearest_consider(&nearest, option->flag + strlen("--"));
	}
	return error_set(error, ERR_USAGE, "%s: there is no such key; %s%s%s", origin,
			 nearest.name ? "did you mean `" : "`batond help` lists them",
			 nearest.name ? nearest.name : "", nearest.name ? "`?" : "");
}

static char *trim(char *text)
{
	while (isspace((unsigned char)*text))
		text++;
	size_t len = strlen(text);
	while (len && isspace((unsigned char)text[len - 1]))
		text[--len] = '\0';
	return text;
}

static int set_option(struct config *config, const char *place, const char *name,
		      const char *value, struct error *error)
{
	char origin[512];
	text_print(origin, sizeof(origin), "%s: %s", place, name);
	const struct option *option = option_named(&batond, name, strlen(name));
	if (!option || !is_key(option))
		return refuse_key(origin, name, error);
	struct option_use use = {option, value, origin};
	return option->kind->set(config, &use, error);
}

static int read_line(struct config *config, const char *file, unsigned number, char *line,
		     struct error *error)
{
	line[strcspn(line, "#")] = '\0';
	char *name = trim(line);
	if (!*name)
		return 0;
	char place[512];
	snprintf(place, sizeof(place), "%s:%u", file, number);
	if (*name == '[')
		return config_section_begin(&config->sections, place, name, error);
	char *equals = strchr(name, '=');
	if (!equals)
		return error_set(error, ERR_USAGE, "%s: expected `name = value`", place);
	*equals = '\0';
	name = trim(name);
	for (char *at = name; (at = strchr(at, '_'));) /* `socket_group` will do, too */
		*at = '-';
	const char *value = trim(equals + 1);
	return config->sections.count > 0
		       ? config_section_add(&config->sections, place, name, value, error)
		       : set_option(config, place, name, value, error);
}

int config_file_read(struct config *config, const char *file, struct error *error)
{
	AUTO_STREAM FILE *stream = fopen(file, "re");
	if (!stream)
		return error_set_errno(error, ERR_LOCAL, errno, "%s", file);
	AUTO_FREE char *line = NULL;
	size_t room = 0;
	int err = 0;
	for (unsigned number = 1; err == 0 && getline(&line, &room, stream) >= 0;
	     number++)
		err = read_line(config, file, number, line, error);
	if (err == 0 && ferror(stream))
		return error_set_errno(error, ERR_LOCAL, errno, "%s", file);
	return err;
}
