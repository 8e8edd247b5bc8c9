#include "proto/base/escape.h"

#include <stdint.h>

#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "proto/base/text.h"

static const char hex_digits[] = "0123456789abcdef";

static void put_hex_escape(struct buffer *out, char byte)
{
	buffer_put(out, "\\x", 2);
	buffer_put_u8(out, (uint8_t)hex_digits[(uint8_t)byte >> 4]);
	buffer_put_u8(out, (uint8_t)hex_digits[(uint8_t)byte & 15]);
}

/* Escapes what stands at the beginning of text and returns how many bytes that were. */
static size_t escape_one(struct buffer *out, const char *text, size_t len)
{
	size_t step = text_clean_len(text, len);
	if (step == 0) {
		size_t whole = text_utf8_len(text, len);
		size_t escaped = whole ? whole : 1;
		for (size_t i = 0; i < escaped; i++)
			put_hex_escape(out, text[i]);
		return escaped;
	}
	if (text[0] == '\\')
		buffer_put_u8(out, '\\');
	buffer_put(out, text, step);
	return step;
}

char *escape_encode(const char *name, size_t len)
{
	struct buffer out = {0};
	buffer_reserve(&out, len + 1);
	for (size_t at = 0; at < len;)
		at += escape_one(&out, name + at, len - at);
	buffer_put_u8(&out, '\0');
	return (char *)out.at;
}

static int hex_value(char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	if (digit >= 'a' && digit <= 'f')
		return digit - 'a' + 10;
	if (digit >= 'A' && digit <= 'F')
		return digit - 'A' + 10;
	return -1;
}

size_t escape_decode_byte(const char *text, size_t len, char *ret_byte)
{
	if (len >= 2 && text[1] == '\\') {
		*ret_byte = '\\';
		return 2;
	}
	if (len < 4 || text[1] != 'x')
		return 0;
	int high = hex_value(text[2]);
	int low = hex_value(text[3]);
	if (high < 0 || low < 0)
		return 0;
	*ret_byte = (char)(high * 16 + low);
	return 4;
}

char *escape_decode(const char *text, size_t len, size_t *ret_len)
{
	char *path AUTO_FREE = must_alloc(len + 1);
	size_t path_len = 0;
	for (size_t at = 0; at < len;) {
		size_t step = 1;
		char byte = text[at];
		if (byte == '\\')
			step = escape_decode_byte(text + at, len - at, &byte);
		if (step == 0)
			return NULL;
		path[path_len++] = byte;
		at += step;
	}
	path[path_len] = '\0';
	*ret_len = path_len;
	return take_ptr(&path);
}

const char *escape_shown(const char *name, size_t len, char ret_text[ESCAPE_SHOWN_SIZE])
{
	char *whole AUTO_FREE = escape_encode(name, len);
	text_shorten(whole, ret_text, ESCAPE_SHOWN_SIZE);
	return ret_text;
}
