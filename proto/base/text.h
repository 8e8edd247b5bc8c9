/*
 * Texts: bytes with a length, which need not end in NUL nor be UTF-8, and what makes them
 * fit to be shown. A text borrows its bytes. Pure functions.
 */
#ifndef BATON_PROTO_BASE_TEXT_H
#define BATON_PROTO_BASE_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Any bytes; empty: at may be NULL. */
struct text {
	const char *at; /* borrowed */
	size_t len;
};

struct text_list {
	struct text *items; /* borrowed */
	size_t count;
};

struct number_list {
	uint64_t *items; /* borrowed */
	size_t count;
};

struct text text_of(const char *c_string); /* NULL gives the empty text */
bool text_equal(struct text a, struct text b);
bool text_is(struct text a, const char *c_string);

/* Bytes of the one valid UTF-8 sequence at the beginning of text, 1 … 4; 0 where there is
 * none (surrogates, overlong forms, beyond U+10FFFF). */
size_t text_utf8_len(const char *text, size_t len);

/* The same, and 0 also for a control character: U+0000 to U+001F, U+007F to U+009F. The
 * last 32 are two bytes in UTF-8, and a terminal obeys them too. */
size_t text_clean_len(const char *text, size_t len);

/* Whether this is UTF-8 without control characters: what every `str` has to be. */
bool text_is_clean(struct text text);

/* Writes the text as a clean one with its NUL, cut after a whole character where it is
 * longer than size - 1 bytes; each byte that is not clean becomes '?'. Returns its
 * length. */
size_t text_clean(struct text text, char *ret_text, size_t size);

/* Writes at most room bytes with their NUL; a longer text is cut after a whole
 * character. */
void text_print(char *ret_text, size_t room, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

void text_vprint(char *ret_text, size_t room, const char *format, va_list arguments)
	__attribute__((format(printf, 3, 0)));

/* The same of a text from which, where it is longer, the middle is left out: "…", also
 * between whole characters. room: at least 16. */
void text_shorten(const char *text, char *ret_text, size_t room);

#endif
