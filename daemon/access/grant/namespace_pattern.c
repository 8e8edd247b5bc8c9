#include "daemon/access/grant/namespace_pattern.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "proto/bounds.h"

/* Takes the first component off; `rest` begins behind the '/'. False: it was the last. */
static bool next_component(struct text *rest, struct text *ret_component)
{
	const char *slash = rest->len ? memchr(rest->at, '/', rest->len) : NULL;
	size_t len = slash ? (size_t)(slash - rest->at) : rest->len;
	*ret_component = (struct text){.at = rest->at, .len = len};
	if (!slash)
		return false;
	*rest = (struct text){.at = slash + 1, .len = rest->len - len - 1};
	return true;
}

static bool has_double_star(struct text component)
{
	for (size_t i = 1; i < component.len; i++)
		if (component.at[i] == '*' && component.at[i - 1] == '*')
			return true;
	return false;
}

int namespace_pattern_check(const char *pattern, struct error *error)
{
	struct text rest = text_of(pattern), component;
	if (rest.len == 0)
		return error_set(error, ERR_USAGE, "a namespace pattern is empty");
	if (rest.len > NAME_LEN_MAX || !text_is_clean(rest))
		return error_set(error, ERR_USAGE,
				 "a namespace pattern is UTF-8 without control "
				 "characters, of at most %u bytes",
				 NAME_LEN_MAX);
	bool more = true;
	while (more) {
		more = next_component(&rest, &component);
		if (has_double_star(component) && (more || !text_is(component, "**")))
			return error_set(error, ERR_USAGE,
					 "namespace pattern `%s`: `**` can only be its "
					 "last component, as in `acme/**`",
					 pattern);
	}
	return 0;
}

/* Both without a '/'. Goes back to the last star only, which is enough for stars that
 * all stand for anything. */
static bool component_covers(struct text pattern, struct text name)
{
	size_t at = 0, star = SIZE_MAX, resume = 0;
	for (size_t i = 0; i < name.len;) {
		if (at < pattern.len && pattern.at[at] == '*') {
			star = at++;
			resume = i;
		} else if (at < pattern.len && pattern.at[at] == name.at[i]) {
			at++;
			i++;
		} else if (star != SIZE_MAX) {
			at = star + 1;
			i = ++resume;
		} else {
			return false;
		}
	}
	while (at < pattern.len && pattern.at[at] == '*')
		at++;
	return at == pattern.len;
}

bool namespace_pattern_covers(const char *pattern, struct text name)
{
	struct text rest = text_of(pattern), part, component;
	for (;;) {
		bool more_pattern = next_component(&rest, &part);
		if (text_is(part, "**"))
			return true;
		bool more_name = next_component(&name, &component);
		if (more_pattern != more_name || !component_covers(part, component))
			return false;
		if (!more_pattern)
			return true;
	}
}

bool namespace_pattern_is_straight(const char *pattern)
{
	struct text rest = text_of(pattern), component;
	bool more = true;
	while (more) {
		more = next_component(&rest, &component);
		if (text_is(component, ".") || text_is(component, ".."))
			return false;
	}
	return true;
}

bool namespace_pattern_is_all(const char *pattern)
{
	return strcmp(pattern, "**") == 0;
}
