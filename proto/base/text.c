/* Texts: bytes with a length, and what makes them fit for a `str`. */
#include <string.h>

#include "proto/message/message.h"
#include "proto/path/path.h"

struct text text_of(const char *c_string)
{
	return (struct text){.at = c_string, .len = c_string ? strlen(c_string) : 0};
}

bool text_equal(struct text a, struct text b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

bool text_is(struct text a, const char *c_string)
{
	return text_equal(a, text_of(c_string));
}

/* Bytes of the character at the front if it is whole, valid and no control character;
 * else 0. */
static size_t clean_character(struct text text)
{
	unsigned char first = (unsigned char)text.at[0];
	if (first < 0x80)
		return first >= 0x20 && first != 0x7f;
	size_t len = text_utf8_len(text.at, text.len);
	bool is_control = len == 2 && first == 0xc2 && (unsigned char)text.at[1] < 0xa0;
	return is_control ? 0 : len;
}

static struct text text_behind(struct text text, size_t len)
{
	return (struct text){.at = text.at + len, .len = text.len - len};
}

bool text_is_clean(struct text text)
{
	while (text.len > 0) {
		size_t len = clean_character(text);
		if (len == 0)
			return false;
		text = text_behind(text, len);
	}
	return true;
}

size_t text_clean(struct text text, char *ret_text, size_t size)
{
	size_t written = 0;
	while (text.len > 0) {
		size_t len = clean_character(text);
		const char *from = len > 0 ? text.at : "?";
		len = len > 0 ? len : 1;
		if (len >= size - written)
			break;
		memcpy(ret_text + written, from, len);
		written += len;
		text = text_behind(text, len);
	}
	ret_text[written] = '\0';
	return written;
}
