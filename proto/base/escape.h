/*
 * The documented, reversible escape for names that need not be UTF-8, used in JSON and on
 * terminals: a byte that is not part of valid UTF-8, and each byte of a control character
 * (U+0000 to U+001F, U+007F to U+009F), becomes \xHH (lower case); a backslash becomes
 * \\. Pure functions.
 */
#ifndef BATON_PROTO_BASE_ESCAPE_H
#define BATON_PROTO_BASE_ESCAPE_H

#include <stddef.h>

/* The result is valid UTF-8, ends with a NUL, has no other one, and is owned by the
 * caller. */
char *escape_encode(const char *name, size_t len);

/* The same for a sentence: of one that is too long for it the middle is left out. Returns
 * ret_text. */
#define ESCAPE_SHOWN_SIZE 208u
const char *escape_shown(const char *name, size_t len, char ret_text[ESCAPE_SHOWN_SIZE]);

/* The reverse of escape_encode(). Takes upper case digits too, and an escape of any byte.
 * Gives *ret_len bytes and then a NUL, owned by the caller; NULL where a backslash begins
 * neither \\ nor \xHH. */
char *escape_decode(const char *text, size_t len, size_t *ret_len);

/* Reads one such escape at the beginning of text, a backslash; returns its length, 0
 * where there is none that is whole. */
size_t escape_decode_byte(const char *text, size_t len, char *ret_byte);

#endif
