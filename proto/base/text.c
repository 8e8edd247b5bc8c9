#include "proto/base/text.h"

#include <stdio.h>
#include <string.h>

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

/* RFC 3629 §4: what may follow a lead byte. The second byte's range is what excludes
 * overlong forms, surrogates and code points beyond U+10FFFF. */
struct utf8_lead {
	uint8_t first, last;
	uint8_t second_low, second_high;
	uint8_t len;
};

static const struct utf8_lead utf8_leads[] = {
	{0x00, 0x7f, 0x00, 0x00, 1}, {0xc2, 0xdf, 0x80, 0xbf, 2},
	{0xe0, 0xe0, 0xa0, 0xbf, 3}, {0xe1, 0xec, 0x80, 0xbf, 3},
	{0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
	{0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4},
	{0xf4, 0xf4, 0x80, 0x8f, 4},
};

static const struct utf8_lead *find_lead(uint8_t byte)
{
	for (size_t i = 0; i < sizeof(utf8_leads) / sizeof(utf8_leads[0]); i++) {
		if (byte >= utf8_leads[i].first && byte <= utf8_leads[i].last)
			return &utf8_leads[i];
	}
	return NULL;
}

size_t text_utf8_len(const char *text, size_t len)
{
	if (len == 0)
		return 0;
	const uint8_t *bytes = (const uint8_t *)text;
	const struct utf8_lead *lead = find_lead(bytes[0]);
	if (!lead || lead->len > len)
		return 0;
	if (lead->len > 1 &&
	    (bytes[1] < lead->second_low || bytes[1] > lead->second_high))
		return 0;
	for (size_t i = 2; i < lead->len; i++) {
		if ((bytes[i] & 0xc0) != 0x80)
			return 0;
	}
	return lead->len;
}

size_t text_clean_len(const char *text, size_t len)
{
	if (len == 0)
		return 0;
	uint8_t first = (uint8_t)text[0];
	if (first < 0x80)
		return first >= 0x20 && first != 0x7f;
	size_t step = text_utf8_len(text, len);
	bool is_control = step == 2 && first == 0xc2 && (uint8_t)text[1] < 0xa0;
	return is_control ? 0 : step;
}

static struct text text_behind(struct text text, size_t len)
{
	return (struct text){.at = text.at + len, .len = text.len - len};
}

bool text_is_clean(struct text text)
{
	while (text.len > 0) {
		size_t len = text_clean_len(text.at, text.len);
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
		size_t len = text_clean_len(text.at, text.len);
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

void text_vprint(char *ret_text, size_t room, const char *format, va_list arguments)
{
	(void)vsnprintf(ret_text, room, format, arguments);
	end_on_character(ret_text, room);
}

void text_print(char *ret_text, size_t room, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	text_vprint(ret_text, room, format, arguments);
	va_end(arguments);
}

/* ---- a text that is too long ---------------------------------------------------------
 */

static size_t back_to_character(const char *text, size_t at)
{
	while (at > 0 && ((unsigned char)text[at] & 0xc0) == 0x80)
		at--;
	return at;
}

static size_t on_to_character(const char *text, size_t at)
{
	while (((unsigned char)text[at] & 0xc0) == 0x80)
		at++;
	return at;
}

void text_shorten(const char *text, char *ret_text, size_t room)
{
	static const char gap[] = "…";
	size_t len = strlen(text);
	if (len < room) {
		memcpy(ret_text, text, len + 1);
		return;
	}
	size_t half = (room - sizeof(gap)) / 2;
	size_t head = back_to_character(text, half);
	size_t tail = on_to_character(text, len - half);
	memcpy(ret_text, text, head);
	memcpy(ret_text + head, gap, sizeof(gap) - 1);
	memcpy(ret_text + head + sizeof(gap) - 1, text + tail, len - tail + 1);
}
