#include "proto/base/advice.h"

#include <string.h>

static const char *const names[ADVICE_COUNT] = {
#define ADVICE_NAME(constant, name) [ADVICE_AT_##constant] = name,
	ADVICE_LIST(ADVICE_NAME)
#undef ADVICE_NAME
};

const char *advice_name(unsigned position)
{
	return names[position];
}

size_t advice_names(uint32_t advice, struct text ret_names[ADVICE_COUNT])
{
	size_t count = 0;
	for (unsigned i = 0; i < ADVICE_COUNT; i++)
		if (advice & 1u << i)
			ret_names[count++] = text_of(names[i]);
	return count;
}

uint32_t advice_named(const char *name, size_t len)
{
	for (unsigned i = 0; i < ADVICE_COUNT; i++)
		if (strlen(names[i]) == len && memcmp(names[i], name, len) == 0)
			return 1u << i;
	return 0;
}
