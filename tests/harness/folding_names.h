/*
 * A file system that takes some names for one, as far as a test's own process can tell:
 * letters of ASCII and é in either case, and é composed or not. Linked into a test it
 * stands before the calls of libc that take a name in an open directory.
 */
#ifndef BATON_TESTS_FOLDING_NAMES_H
#define BATON_TESTS_FOLDING_NAMES_H

enum folding {
	FOLDING_NONE,
	FOLDING_KEEPS_SPELLING, /* names are listed as they were made */
	FOLDING_LOWERS,         /* names are listed in small letters */
	FOLDING_SHARP_S,        /* nothing but that a sharp s is ss */
};

/* From now on. */
void folding_names_set(enum folding folding);

#endif
