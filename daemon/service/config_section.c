#include "daemon/service/config_section.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/bytes.h"
#include "proto/options/nearest.h"

/* "[kind name]", cut where the blanks are; false: it is something else. */
static bool cut(char *text, char **ret_kind, char **ret_name)
{
	size_t len = strlen(text);
	if (len < 2 || text[0] != '[' || text[len - 1] != ']')
		return false;
	text[len - 1] = '\0';
	char *kind = text + 1 + strspn(text + 1, " \t");
	char *name = kind + strcspn(kind, " \t");
	if (!*name)
		return false;
	*name++ = '\0';
	name += strspn(name, " \t");
	size_t name_len = strcspn(name, " \t");
	if (name[name_len + strspn(name + name_len, " \t")])
		return false;
	name[name_len] = '\0';
	*ret_kind = kind;
	*ret_name = name;
	return *kind && *name;
}

int config_section_begin(struct config_sections *sections, const char *place, char *text,
			 struct error *error)
{
	char *kind, *name;
	if (!cut(text, &kind, &name))
		return error_set(
			error, ERR_USAGE,
			"%s: a section begins with `[kind name]`, as in `[issuer "
			"github]`",
			place);
	if (sections->count == CONFIG_SECTIONS_MAX)
		return error_set(error, ERR_USAGE, "%s: at most %u sections", place,
				 CONFIG_SECTIONS_MAX);
	sections->items = must_realloc(sections->items,
				       (sections->count + 1) * sizeof(*sections->items));
	struct config_section *section = &sections->items[sections->count++];
	*section = (struct config_section){
		.kind = must_strdup(kind),
		.name = must_strdup(name),
	};
	claim(asprintf(&section->origin, "%s: [%s %s]", place, kind, name) > 0);
	return 0;
}

int config_section_add(struct config_sections *sections, const char *place,
		       const char *key, const char *value, struct error *error)
{
	struct config_section *section = &sections->items[sections->count - 1];
	if (section->line_count == CONFIG_SECTION_LINES_MAX)
		return error_set(error, ERR_USAGE, "%s: at most %u lines in a section",
				 place, CONFIG_SECTION_LINES_MAX);
	section->lines = must_realloc(section->lines, (section->line_count + 1) *
							      sizeof(*section->lines));
	struct config_line *line = &section->lines[section->line_count++];
	*line = (struct config_line){
		.key = must_strdup(key),
		.value = must_strdup(value),
	};
	claim(asprintf(&line->origin, "%s: %s", place, key) > 0);
	return 0;
}

static void fini(struct config_section *section)
{
	for (size_t i = 0; i < section->line_count; i++) {
		free(section->lines[i].key);
		free(section->lines[i].value);
		free(section->lines[i].origin);
	}
	free(section->lines);
	free(section->kind);
	free(section->name);
	free(section->origin);
}

void config_sections_fini(struct config_sections *sections)
{
	for (size_t i = 0; i < sections->count; i++)
		fini(&sections->items[i]);
	free(sections->items);
	*sections = (struct config_sections){0};
}

const struct config_line *config_section_find(const struct config_section *section,
					      const char *key)
{
	for (size_t i = 0; i < section->line_count; i++)
		if (strcmp(section->lines[i].key, key) == 0)
			return &section->lines[i];
	return NULL;
}

int config_section_check(const struct config_section *section, const char *const *keys,
			 struct error *error)
{
	for (size_t i = 0; i < section->line_count; i++) {
		const struct config_line *line = &section->lines[i];
		struct nearest nearest;
		nearest_init(&nearest, line->key, strlen(line->key));
		for (const char *const *key = keys; *key; key++)
			nearest_consider(&nearest, *key);
		bool known = nearest.name && strcmp(nearest.name, line->key) == 0;
		if (!known)
			return error_set(error, ERR_USAGE,
					 "%s: there is no such key in [%s …]%s%s%s",
					 line->origin, section->kind,
					 nearest.name ? "; did you mean `" : "",
					 nearest.name ? nearest.name : "",
					 nearest.name ? "`?" : "");
		if (config_section_find(section, line->key) != line)
			return error_set(error, ERR_USAGE, "%s: it stands there twice",
					 line->origin);
	}
	return 0;
}
