/*
 * The same numbers on every run: xorshift64 (Marsaglia, Xorshift RNGs, 2003). Each test
 * program has a sequence of its own, which begins with the seed that it gives.
 */
#ifndef BATON_TESTS_RANDOM_H
#define BATON_TESTS_RANDOM_H

#include <stdint.h>

#include "proto/base/error.h"

static uint64_t random_state;

/* Not 0. */
static inline void random_begin(uint64_t seed)
{
	random_state = seed;
}

static inline uint32_t random_below(uint32_t bound)
{
	claim(random_state); /* begun */
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)(random_state >> 32) % bound;
}

#endif
