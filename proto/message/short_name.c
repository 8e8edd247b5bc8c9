#include "proto/message/short_name.h"

#include <stdlib.h>
#include <string.h>

#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "proto/base/text.h"
#include "proto/bounds.h"
#include "proto/path/path.h"
#include "proto/unit/digest.h"

#define HASH_LEN ((SHORT_NAME_END_LEN - 1) / 2)

/* Bytes of the whole characters that fit into room; a byte that is no UTF-8 is one. */
static size_t beginning_len(const char *name, size_t len, size_t room)
{
	size_t at = 0;
	for (;;) {
		size_t step = text_utf8_len(name + at, len - at);
		step += step == 0;
		if (at + step > room)
			return at;
		at += step;
	}
}

char *short_name_of(const char *name, size_t len_max)
{
	size_t len = strlen(name);
	if (len <= len_max)
		return must_strdup(name);
	claim(len_max > SHORT_NAME_END_LEN);
	size_t begin = beginning_len(name, len, len_max - SHORT_NAME_END_LEN);
	char *short_name = must_alloc(begin + SHORT_NAME_END_LEN + 1);
	memcpy(short_name, name, begin);
	short_name[begin] = '~';
	struct digest digest = sha256_of(name, len);
	hex_encode(digest.bytes, HASH_LEN, short_name + begin + 1);
	return short_name;
}

char *short_component_of(const char *name)
{
	char *component AUTO_FREE = path_component_of(name, strlen(name));
	return short_name_of(component, COMPONENT_LEN_MAX);
}
