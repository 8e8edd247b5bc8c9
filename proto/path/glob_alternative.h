/*
 * One pattern without braces, compiled: what a glob is made of. For glob.c alone.
 *
 * Immutable once compiled; any thread.
 */
#ifndef BATON_PROTO_PATH_GLOB_ALTERNATIVE_H
#define BATON_PROTO_PATH_GLOB_ALTERNATIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/bytes.h"

enum glob_component_kind {
	GLOB_LITERAL,   /* text is unescaped */
	GLOB_WILD,      /* text is a pattern for one name */
	GLOB_ANY_DEPTH, /* `**`: any number of names, also none */
};

struct glob_component {
	uint32_t at; /* offset in the alternative's text */
	uint32_t len;
	uint8_t kind; /* enum glob_component_kind */
};

/*
 * components[0] is always ANY_DEPTH, so that matching at any depth begins there and
 * matching from the root one later. Beside that the last component never is: a `**` at
 * the end stands for at least one name and is kept as a `**` and a `*`. A count of 1 is
 * the root itself.
 */
struct glob_alternative {
	struct buffer text;                /* components with '/' between, then a NUL */
	struct glob_component *components; /* owned */
	size_t count;
	bool only_dirs;
};

/* Compiles a text whose units are whole. Returns what is wrong with it, NULL for nothing;
 * in either case glob_alternative_fini() is due. */
const char *glob_alternative_init(struct glob_alternative *alternative, const char *text,
				  size_t len);
void glob_alternative_fini(struct glob_alternative *alternative);

struct glob_subject {
	const char *path; /* borrowed; a stored path, or empty for the root */
	size_t len;
	bool is_dir;
	bool or_above; /* a match of a directory above is one too */
};

bool glob_alternative_matches(const struct glob_alternative *alternative, bool anywhere,
			      const struct glob_subject *subject);
bool glob_alternative_may_match_below(const struct glob_alternative *alternative,
				      const char *dir, size_t dir_len);

#endif
