/*
 * How a glob is spelt: its lexical units, its sets, its braces. For glob.c alone.
 *
 * A unit is an escape (`\` and a byte, or `\xHH`), a whole set (`[…]`), or one byte.
 * Braces are spelling, not matching: `x{a,b}y` stands for the two patterns `xay` and
 * `xby`, and a comma or brace inside a unit of more than one byte means nothing. Pure
 * functions.
 */
#ifndef BATON_PROTO_PATH_GLOB_SYNTAX_H
#define BATON_PROTO_PATH_GLOB_SYNTAX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/error.h"

/* Alternatives of one pattern, and the bytes copied while they are made: what a short
 * pattern of nested braces can cost. */
#define GLOB_ALTERNATIVES_MAX 1024u
#define GLOB_EXPANSION_BYTES_MAX (1024u * 1024u)

struct glob_set_scan {
	size_t len;     /* with both brackets; 0: never closed */
	bool matches;   /* whether the set, `!` included, takes the byte asked about */
	bool backwards; /* has a range whose end is below its beginning */
};

/* Reads the escape that begins at text[0], a '\': its length, and the byte that it stands
 * for; 0 where nothing follows. `\x` without two hexadecimal digits is an 'x'. */
size_t glob_syntax_scan_escape(const char *text, size_t len, char *ret_byte);

/* Reads the set that begins at text[0], a '['. A ']' that is first is a member, a '-'
 * that is first or last too, escapes stand for their byte. */
struct glob_set_scan glob_syntax_scan_set(const char *text, size_t len, uint8_t byte);

/* Bytes of the unit at the beginning of text, which is not empty; 0 where it is cut: a
 * set that is never closed, a backslash at the end. */
size_t glob_syntax_unit_len(const char *text, size_t len);

/* Whether every unit is whole and the braces close. ERR_USAGE, ERR_LIMIT. */
int glob_syntax_check(const char *pattern, size_t len, struct error *error);

struct glob_text {
	char *text; /* owned */
	size_t len;
};

struct glob_texts {
	struct glob_text *at; /* owned */
	size_t count;
};

/* Expands the braces of a pattern that was checked. ERR_LIMIT. */
int glob_syntax_expand(const char *pattern, size_t len, struct glob_texts *ret_texts,
		       struct error *error);
void glob_texts_fini(struct glob_texts *texts);

/* Sets "`PATTERN`: why", with the pattern escaped so that it can be shown. */
int glob_syntax_refuse(struct error *error, int code, const char *pattern, size_t len,
		       const char *why);

#endif
