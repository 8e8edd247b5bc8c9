#include "proto/path/glob_syntax.h"

#include <string.h>

#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "proto/base/escape.h"
#include "proto/bounds.h"

/* The sentences below name these numbers. */
_Static_assert(PATTERN_LEN_MAX == 32768, "");
_Static_assert(GLOB_ALTERNATIVES_MAX == 1024, "");
_Static_assert(GLOB_EXPANSION_BYTES_MAX == 1024 * 1024, "");

int glob_syntax_refuse(struct error *error, int code, const char *pattern, size_t len,
		       const char *why)
{
	char *shown AUTO_FREE = escape_encode(pattern, len);
	return error_set(error, code, "`%s`: %s", shown, why);
}

/* ---- units ----------------------------------------------------------------------- */

struct range {
	uint8_t low;
	uint8_t high;
};

size_t glob_syntax_scan_escape(const char *text, size_t len, char *ret_byte)
{
	size_t escape_len = escape_decode_byte(text, len, ret_byte);
	if (escape_len > 0 || len < 2)
		return escape_len;
	*ret_byte = text[1];
	return 2;
}

/* Reads one byte of a set at *at and moves past it; false at the end of the text. */
static bool read_set_byte(const char *text, size_t len, size_t *at, uint8_t *ret_byte)
{
	if (*at >= len)
		return false;
	char byte = text[*at];
	size_t byte_len = 1;
	if (byte == '\\')
		byte_len = glob_syntax_scan_escape(text + *at, len - *at, &byte);
	*at += byte_len;
	*ret_byte = (uint8_t)byte;
	return byte_len > 0;
}

static bool read_range(const char *text, size_t len, size_t *at, struct range *ret_range)
{
	if (!read_set_byte(text, len, at, &ret_range->low))
		return false;
	ret_range->high = ret_range->low;
	if (*at + 1 >= len || text[*at] != '-' || text[*at + 1] == ']')
		return true;
	++*at;
	return read_set_byte(text, len, at, &ret_range->high);
}

struct glob_set_scan glob_syntax_scan_set(const char *text, size_t len, uint8_t byte)
{
	struct glob_set_scan scan = {0};
	bool outside = len > 1 && text[1] == '!';
	size_t at = outside ? 2 : 1;
	do {
		struct range range;
		if (!read_range(text, len, &at, &range))
			return scan;
		scan.matches |= byte >= range.low && byte <= range.high;
		scan.backwards |= range.high < range.low;
	} while (at < len && text[at] != ']');
	if (at == len)
		return scan;
	scan.len = at + 1;
	scan.matches ^= outside;
	return scan;
}

size_t glob_syntax_unit_len(const char *text, size_t len)
{
	if (text[0] == '[')
		return glob_syntax_scan_set(text, len, 0).len;
	char byte;
	return text[0] == '\\' ? glob_syntax_scan_escape(text, len, &byte) : 1;
}

/* ---- checks ---------------------------------------------------------------------- */

/* What is wrong with the unit at the beginning of text; NULL for nothing. */
static const char *unit_fault(const char *text, size_t len)
{
	if (glob_syntax_unit_len(text, len) == 0)
		return text[0] == '[' ? "the bracket is never closed; write \\[ for the "
					"byte itself"
				      : "ends with a backslash that takes no byte; write "
					"\\\\ for "
					"the byte itself";
	if (text[0] == '[' && glob_syntax_scan_set(text, len, 0).backwards)
		return "a range in brackets ends before it begins";
	char byte = '\0';
	bool is_hex = text[0] == '\\' &&
		      glob_syntax_scan_escape(text, len, &byte) > strlen("\\x");
	if (is_hex && (byte == '/' || byte == '\0'))
		return "\\x2f and \\x00 stand for bytes that no name has";
	return NULL;
}

static const char *braces_fault(const char *pattern, size_t len)
{
	size_t depth = 0;
	for (size_t at = 0; at < len;) {
		const char *fault = unit_fault(pattern + at, len - at);
		if (fault)
			return fault;
		if (pattern[at] == '{')
			depth++;
		else if (pattern[at] == '}' && depth > 0)
			depth--;
		at += glob_syntax_unit_len(pattern + at, len - at);
	}
	return depth > 0 ? "the brace is never closed; write \\{ for the byte itself"
			 : NULL;
}

int glob_syntax_check(const char *pattern, size_t len, struct error *error)
{
	if (len > PATTERN_LEN_MAX)
		return glob_syntax_refuse(error, ERR_LIMIT, pattern, len,
					  "the pattern is longer than 32768 bytes");
	const char *fault = memchr(pattern, '\0', len) ? "a pattern has no NUL byte"
						       : braces_fault(pattern, len);
	if (fault)
		return glob_syntax_refuse(error, ERR_USAGE, pattern, len, fault);
	return 0;
}

/* ---- braces ---------------------------------------------------------------------- */

/* One text, a copy of this one. */
static void texts_init(struct glob_texts *texts, const char *text, size_t len)
{
	texts->at = must_calloc(GLOB_ALTERNATIVES_MAX, sizeof(*texts->at));
	texts->at[0] = (struct glob_text){must_memdup(text, len), len};
	texts->count = 1;
}

void glob_texts_fini(struct glob_texts *texts)
{
	for (size_t i = 0; i < texts->count; i++)
		free(texts->at[i].text);
	free(texts->at);
	*texts = (struct glob_texts){0};
}

/* Where the first brace opens; len for none. */
static size_t find_brace(const char *text, size_t len)
{
	size_t at = 0;
	while (at < len && text[at] != '{')
		at += glob_syntax_unit_len(text + at, len - at);
	return at;
}

/* The ',' or '}' that ends the alternative which begins at `at`. */
static size_t alternative_end(const char *text, size_t len, size_t at)
{
	size_t depth = 0;
	while (depth > 0 || (text[at] != ',' && text[at] != '}')) {
		if (text[at] == '{')
			depth++;
		else if (text[at] == '}')
			depth--;
		at += glob_syntax_unit_len(text + at, len - at);
		claim(at < len);
	}
	return at;
}

static size_t brace_close(const char *text, size_t len, size_t open)
{
	size_t at = open;
	do
		at = alternative_end(text, len, at + 1);
	while (text[at] == ',');
	return at;
}

/* The text with [open, close] replaced by [begin, end), all of them offsets in it. */
static struct glob_text replace_brace(const struct glob_text *whole, size_t open,
				      size_t close, size_t begin, size_t end)
{
	size_t tail_len = whole->len - close - 1;
	struct glob_text made = {.len = open + (end - begin) + tail_len};
	made.text = must_alloc(made.len + 1);
	memcpy(made.text, whole->text, open);
	memcpy(made.text + open, whole->text + begin, end - begin);
	memcpy(made.text + made.len - tail_len, whole->text + close + 1, tail_len);
	made.text[made.len] = '\0';
	return made;
}

/* Replaces text number i, which has a brace, by its first alternative and appends the
 * others. Takes what they need from *bytes_left; returns whether all had room. */
static bool expand_first_brace(struct glob_texts *texts, size_t i, size_t *bytes_left)
{
	struct glob_text whole = texts->at[i];
	char *owned AUTO_FREE = take_ptr(&texts->at[i].text);
	size_t open = find_brace(owned, whole.len);
	size_t close = brace_close(owned, whole.len, open);
	size_t slot = i;
	for (size_t at = open; at < close;) {
		size_t end = alternative_end(owned, whole.len, at + 1);
		if (slot == GLOB_ALTERNATIVES_MAX || *bytes_left < whole.len)
			return false;
		*bytes_left -= whole.len;
		texts->at[slot] = replace_brace(&whole, open, close, at + 1, end);
		if (slot == texts->count)
			texts->count++;
		slot = texts->count;
		at = end;
	}
	return true;
}

int glob_syntax_expand(const char *pattern, size_t len, struct glob_texts *ret_texts,
		       struct error *error)
{
	struct glob_texts texts AUTO(glob_texts_fini) = {0};
	texts_init(&texts, pattern, len);
	size_t bytes_left = GLOB_EXPANSION_BYTES_MAX;
	for (size_t i = 0; i < texts.count;) {
		const struct glob_text *text = &texts.at[i];
		if (find_brace(text->text, text->len) == text->len)
			i++;
		else if (!expand_first_brace(&texts, i, &bytes_left))
			return glob_syntax_refuse(
				error, ERR_LIMIT, pattern, len,
				"the braces give more than 1024 alternatives or 1 MiB; "
				"write several patterns");
	}
	*ret_texts = texts;
	texts = (struct glob_texts){0};
	return 0;
}
