/*
 * Sections of the configuration file: `[kind name]`, and the lines `key = value` up to
 * the next one. What they mean is the business of those who read them.
 */
#ifndef BATON_DAEMON_SERVICE_CONFIG_SECTION_H
#define BATON_DAEMON_SERVICE_CONFIG_SECTION_H

#include <stddef.h>

#include "proto/base/error.h"

struct config_line {
	char *key, *value; /* owned; `-` stands for `_` in the key */
	char *origin;      /* owned; "batond.conf:7: key", for sentences */
};

struct config_section {
	char *kind, *name;         /* owned */
	char *origin;              /* owned; "batond.conf:6: [issuer github]" */
	struct config_line *lines; /* owned */
	size_t line_count;
};

struct config_sections {
	struct config_section *items; /* owned */
	size_t count;
};

/* As many as a file may have, and lines of one. */
#define CONFIG_SECTIONS_MAX 256u
#define CONFIG_SECTION_LINES_MAX 64u

/* Begins a section; text: the line, without blanks around it, from its `[` on. place:
 * "batond.conf:6". ERR_USAGE. */
int config_section_begin(struct config_sections *sections, const char *place, char *text,
			 struct error *error);
/* Adds a line to the latest section; there is one. ERR_USAGE. */
int config_section_add(struct config_sections *sections, const char *place,
		       const char *key, const char *value, struct error *error);
void config_sections_fini(struct config_sections *sections);

/* The value of a key; NULL: it is not there. */
const struct config_line *config_section_find(const struct config_section *section,
					      const char *key);
/* Whether every key is one of these, which end with NULL, and stands there once:
 * ERR_USAGE names the line, and the key that may have been meant. */
int config_section_check(const struct config_section *section, const char *const *keys,
			 struct error *error);

#endif
