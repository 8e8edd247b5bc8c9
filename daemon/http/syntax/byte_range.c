#include "daemon/http/syntax/byte_range.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

/* Digits at the beginning; more than a size can have are the largest number. Returns how
 * many bytes they take. */
static size_t take_number(struct text text, uint64_t *ret_number)
{
	size_t len = 0;
	*ret_number = 0;
	for (; len < text.len && isdigit((unsigned char)text.at[len]); len++) {
		uint64_t digit = (uint64_t)(text.at[len] - '0');
		bool fits = *ret_number <= (UINT64_MAX - digit) / 10;
		*ret_number = fits ? *ret_number * 10 + digit : UINT64_MAX;
	}
	return len;
}

static struct text behind(struct text text, size_t len)
{
	return (struct text){text.at + len, text.len - len};
}

/* "-N": the last N bytes. */
static struct byte_range last_bytes(struct text count, uint64_t size)
{
	uint64_t number;
	size_t len = take_number(count, &number);
	if (len == 0 || len != count.len)
		return (struct byte_range){RANGE_NONE, 0, 0};
	if (number == 0 || size == 0)
		return (struct byte_range){RANGE_BEYOND, 0, 0};
	return (struct byte_range){RANGE_PART, number < size ? size - number : 0,
				   size - 1};
}

/* "FIRST-" or "FIRST-LAST". */
static struct byte_range from_first(struct text text, uint64_t size)
{
	uint64_t first, last = UINT64_MAX;
	size_t len = take_number(text, &first);
	if (len == 0 || len == text.len || text.at[len] != '-')
		return (struct byte_range){RANGE_NONE, 0, 0};
	struct text end = behind(text, len + 1);
	if (end.len > 0 && (take_number(end, &last) != end.len || last < first))
		return (struct byte_range){RANGE_NONE, 0, 0};
	if (first >= size)
		return (struct byte_range){RANGE_BEYOND, 0, 0};
	return (struct byte_range){RANGE_PART, first, last < size ? last : size - 1};
}

struct byte_range byte_range_parse(struct text header, uint64_t size)
{
	static const char unit[] = "bytes=";
	size_t len = sizeof(unit) - 1;
	if (header.len <= len || strncasecmp(header.at, unit, len) != 0)
		return (struct byte_range){RANGE_NONE, 0, 0};
	struct text set = behind(header, len);
	return *set.at == '-' ? last_bytes(behind(set, 1), size) : from_first(set, size);
}

/* Takes the next entity tag of a list off its beginning: with its quotes, without the
 * `W/` that a weak one has in front. False at the end. */
static bool take_tag(struct text *list, struct text *ret_tag, bool *ret_weak)
{
	while (list->len > 0 && strchr(" \t,", *list->at))
		*list = behind(*list, 1);
	*ret_weak = list->len > 2 && memcmp(list->at, "W/", 2) == 0;
	if (*ret_weak)
		*list = behind(*list, 2);
	const char *quote = list->len > 1 ? memchr(list->at + 1, '"', list->len - 1)
					  : NULL;
	if (!quote || *list->at != '"')
		return false;
	*ret_tag = (struct text){list->at, (size_t)(quote - list->at) + 1};
	*list = behind(*list, ret_tag->len);
	return true;
}

bool entity_tag_listed(struct text header, const char *tag, bool weakly)
{
	struct text listed;
	bool weak;
	if (text_is(header, "*"))
		return true;
	while (take_tag(&header, &listed, &weak)) {
		if (text_is(listed, tag) && (weakly || !weak))
			return true;
	}
	return false;
}
