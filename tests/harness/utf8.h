/* Whether bytes are valid UTF-8, to their end. */
#ifndef BATON_TESTS_UTF8_H
#define BATON_TESTS_UTF8_H

#include "proto/base/text.h"

static inline bool is_utf8(const char *text, size_t len)
{
	size_t at = 0;
	for (size_t step = 1; at < len && step > 0; at += step)
		step = text_utf8_len(text + at, len - at);
	return at == len;
}

#endif
