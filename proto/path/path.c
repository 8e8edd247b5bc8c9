#include "proto/path/path.h"

#include <stdint.h>
#include <string.h>

#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "proto/bounds.h"

static const char hex_digits[] = "0123456789abcdef";

/* ---- structure ------------------------------------------------------------------- */

static size_t component_end(const char *path, size_t len, size_t at)
{
	const char *slash = memchr(path + at, '/', len - at);
	return slash ? (size_t)(slash - path) : len;
}

static bool is_dots(const char *name, size_t len)
{
	return (len == 1 && name[0] == '.') ||
	       (len == 2 && name[0] == '.' && name[1] == '.');
}

static bool component_valid(const char *name, size_t len)
{
	return len > 0 && len <= COMPONENT_LEN_MAX && !is_dots(name, len);
}

bool path_valid(const char *path, size_t len)
{
	if (len == 0 || len > PATH_LEN_MAX || memchr(path, '\0', len))
		return false;
	size_t depth = 0;
	for (size_t at = 0; at <= len;) {
		size_t end = component_end(path, len, at);
		if (!component_valid(path + at, end - at) || ++depth > PATH_DEPTH_MAX)
			return false;
		at = end + 1;
	}
	return true;
}

size_t path_shared(const char *a, size_t a_len, const char *b, size_t b_len)
{
	size_t most = a_len < b_len ? a_len : b_len;
	size_t shared = 0;
	while (shared < most && a[shared] == b[shared])
		shared++;
	return shared;
}

/* The byte's place in manifest order; the end of a path comes before every byte. */
static int rank_at(const char *path, size_t len, size_t at)
{
	if (at == len)
		return -2;
	return path[at] == '/' ? -1 : (uint8_t)path[at];
}

int path_compare(const char *a, size_t a_len, const char *b, size_t b_len)
{
	size_t at = path_shared(a, a_len, b, b_len);
	return rank_at(a, a_len, at) - rank_at(b, b_len, at);
}

bool path_below(const char *path, size_t path_len, const char *dir, size_t dir_len)
{
	if (dir_len == 0)
		return path_len > 0;
	return path_len > dir_len + 1 && path[dir_len] == '/' &&
	       memcmp(path, dir, dir_len) == 0;
}

size_t path_parent_len(const char *path, size_t len)
{
	const char *slash = len > 0 ? memrchr(path, '/', len) : NULL;
	return slash ? (size_t)(slash - path) : 0;
}

/* ---- UTF-8 ----------------------------------------------------------------------- */

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

bool text_is_utf8(const char *text, size_t len)
{
	for (size_t at = 0; at < len;) {
		size_t step = text_utf8_len(text + at, len - at);
		if (step == 0)
			return false;
		at += step;
	}
	return true;
}

/* ---- escapes --------------------------------------------------------------------- */

static void put_hex_escape(struct buffer *out, char byte)
{
	buffer_put(out, "\\x", 2);
	buffer_put_u8(out, (uint8_t)hex_digits[(uint8_t)byte >> 4]);
	buffer_put_u8(out, (uint8_t)hex_digits[(uint8_t)byte & 15]);
}

/* Whether a control character stands at the beginning of text: U+0000 to U+001F, U+007F
 * to U+009F. The latter are two bytes in UTF-8, and a terminal obeys them too. */
static bool is_control(const uint8_t *text, size_t len)
{
	if (text[0] == 0xc2 && len > 1)
		return text[1] >= 0x80 && text[1] < 0xa0;
	return text[0] < 0x20 || text[0] == 0x7f;
}

/* Escapes what stands at the beginning of text and returns how many bytes that were. */
static size_t escape_one(struct buffer *out, const char *text, size_t len)
{
	size_t step = text_utf8_len(text, len);
	if (step == 0 || is_control((const uint8_t *)text, len)) {
		size_t escaped = step ? step : 1;
		for (size_t i = 0; i < escaped; i++)
			put_hex_escape(out, text[i]);
		return escaped;
	}
	if (text[0] == '\\')
		buffer_put_u8(out, '\\');
	buffer_put(out, text, step);
	return step;
}

char *path_escape(const char *path, size_t len)
{
	struct buffer out = {0};
	buffer_reserve(&out, len + 1);
	for (size_t at = 0; at < len;)
		at += escape_one(&out, path + at, len - at);
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

size_t path_unescape_byte(const char *text, size_t len, char *ret_byte)
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

char *path_unescape(const char *text, size_t len, size_t *ret_len)
{
	char *path AUTO_FREE = must_alloc(len + 1);
	size_t path_len = 0;
	for (size_t at = 0; at < len;) {
		size_t step = 1;
		char byte = text[at];
		if (byte == '\\')
			step = path_unescape_byte(text + at, len - at, &byte);
		if (step == 0)
			return NULL;
		path[path_len++] = byte;
		at += step;
	}
	path[path_len] = '\0';
	*ret_len = path_len;
	return take_ptr(&path);
}

static void put_component_byte(struct buffer *out, char byte, bool escape_dot)
{
	if (byte == '/')
		buffer_put(out, "%2F", 3);
	else if (byte == '%')
		buffer_put(out, "%25", 3);
	else if (byte == '\0')
		buffer_put(out, "%00", 3);
	else if (byte == '.' && escape_dot)
		buffer_put(out, "%2E", 3);
	else
		buffer_put_u8(out, (uint8_t)byte);
}

char *path_component_of(const char *name, size_t len)
{
	struct buffer out = {0};
	for (size_t i = 0; i < len; i++)
		put_component_byte(&out, name[i], is_dots(name, len));
	if (len == 0)
		buffer_put_u8(&out, '%');
	buffer_put_u8(&out, '\0');
	return (char *)out.at;
}
