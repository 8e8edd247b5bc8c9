/*
 * An error's sentence with what is advised: "SENTENCE [name] [name]", for tests that
 * compare both.
 */
#ifndef BATON_TESTS_ADVISED_H
#define BATON_TESTS_ADVISED_H

#include <string.h>

#include "proto/base/advice.h"
#include "proto/base/error.h"

#define ADVISED_SIZE (ERROR_TEXT_SIZE + 512u)

static inline const char *advised(const struct error *error, char ret_text[ADVISED_SIZE])
{
	strcpy(ret_text, error->text);
	for (unsigned i = 0; i < ADVICE_COUNT; i++) {
		if (!(error->advice & 1u << i))
			continue;
		strcat(ret_text, " [");
		strcat(ret_text, advice_name(i));
		strcat(ret_text, "]");
	}
	return ret_text;
}

#endif
