/*
 * Whether two runs of bytes are the same; either may be NULL where it is empty.
 */
#ifndef BATON_TESTS_FUZZ_SAME_H
#define BATON_TESTS_FUZZ_SAME_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

static inline bool same_bytes(const void *a, size_t a_len, const void *b, size_t b_len)
{
	return a_len == b_len && (a_len == 0 || memcmp(a, b, a_len) == 0);
}

#endif
