#include "daemon/http/syntax/percent.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "proto/unit/digest.h"

char *percent_decode(struct arena *arena, const char *text, size_t len, size_t *ret_len)
{
	char *decoded = arena_bytes(arena, len + 1);
	size_t count = 0;
	for (size_t i = 0; i < len; i++, count++) {
		decoded[count] = text[i];
		if (text[i] != '%')
			continue;
		char digits[3] = "";
		if (len - i > 2)
			memcpy(digits, text + i + 1, 2);
		if (!hex_decode(digits, 1, &decoded[count]) || !decoded[count])
			return NULL;
		i += 2;
	}
	decoded[count] = '\0';
	*ret_len = count;
	return decoded;
}

static bool is_unreserved(char byte)
{
	return isalnum((unsigned char)byte) || (byte && strchr("-._~", byte));
}

void percent_encode(struct buffer *out, const char *bytes, size_t len, bool keep_slash)
{
	for (size_t i = 0; i < len; i++) {
		char text[4] = {bytes[i]};
		if (!is_unreserved(bytes[i]) && !(keep_slash && bytes[i] == '/'))
			(void)snprintf(text, sizeof(text), "%%%02X",
				       (unsigned)(unsigned char)bytes[i]);
		buffer_put(out, text, strlen(text));
	}
}
