/* Texts: bytes with a length, and what makes them fit for a `str`. */
#include <stdarg.h>
#include <stdio.h>
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

/* Takes the bytes of a character that was cut in two off the end of a full text. */
static void end_on_character(char *text, size_t room)
{
	size_t len = strlen(text);
	if (len + 1 < room)
		return;
	size_t start = len;
	while (start > 0 && ((unsigned char)text[start - 1] & 0xc0) == 0x80)
		start--;
	if (start == 0 || (unsigned char)text[start - 1] < 0xc0)
		return;
	unsigned char lead = (unsigned char)text[start - 1];
	size_t need = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
	if (len - (start - 1) < need)
		text[start - 1] = '\0';
}

void text_print(char *ret_text, size_t room, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	(void)vsnprintf(ret_text, room, format, arguments);
	va_end(arguments);
	end_on_character(ret_text, room);
}
