/*
 * Sets of small numbers as words of bits, and the few operations that orders need: a
 * relation over n things is n such sets. Used where thousands of layers are compared
 * with thousands, so a word at a time matters. Pure.
 */
#ifndef BATON_DAEMON_VIEW_BITS_H
#define BATON_DAEMON_VIEW_BITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define BITS_NONE SIZE_MAX

/* Words that hold count bits. */
static inline size_t bits_words(size_t count)
{
	return (count + 63) / 64;
}

static inline bool bits_has(const uint64_t *bits, size_t at)
{
	return bits[at / 64] >> (at % 64) & 1;
}

static inline void bits_add(uint64_t *bits, size_t at)
{
	bits[at / 64] |= UINT64_C(1) << (at % 64);
}

static inline void bits_remove(uint64_t *bits, size_t at)
{
	bits[at / 64] &= ~(UINT64_C(1) << (at % 64));
}

static inline void bits_clear(uint64_t *bits, size_t words)
{
	memset(bits, 0, words * sizeof(*bits));
}

static inline void bits_add_all(uint64_t *bits, const uint64_t *more, size_t words)
{
	for (size_t i = 0; i < words; i++)
		bits[i] |= more[i];
}

static inline void bits_remove_all(uint64_t *bits, const uint64_t *less, size_t words)
{
	for (size_t i = 0; i < words; i++)
		bits[i] &= ~less[i];
}

/* ret_both = a and b; whether anything is in it. */
static inline bool bits_both(uint64_t *ret_both, const uint64_t *a, const uint64_t *b,
			     size_t words)
{
	uint64_t any = 0;
	for (size_t i = 0; i < words; i++)
		any |= ret_both[i] = a[i] & b[i];
	return any != 0;
}

static inline bool bits_meet(const uint64_t *a, const uint64_t *b, size_t words)
{
	for (size_t i = 0; i < words; i++)
		if (a[i] & b[i])
			return true;
	return false;
}

/* The highest number in the set; BITS_NONE for the empty set. */
static inline size_t bits_last(const uint64_t *bits, size_t words)
{
	for (size_t i = words; i-- > 0;)
		if (bits[i])
			return i * 64 + 63 - (size_t)__builtin_clzll(bits[i]);
	return BITS_NONE;
}

/* The lowest number in the set from `from` on; BITS_NONE where there is none. */
static inline size_t bits_next(const uint64_t *bits, size_t words, size_t from)
{
	size_t i = from / 64;
	if (i >= words)
		return BITS_NONE;
	uint64_t word = bits[i] & (UINT64_MAX << (from % 64));
	while (!word && ++i < words)
		word = bits[i];
	return word ? i * 64 + (size_t)__builtin_ctzll(word) : BITS_NONE;
}

#endif
