#include "proto/path/glob_alternative.h"

#include <stdlib.h>
#include <string.h>

#include "proto/path/glob_syntax.h"

/* ---- compiling ------------------------------------------------------------------- */

/* The end of the component that begins at `at`; *ret_next is where the next one begins,
 * beyond len for none. Only '/' and '\/' are units that end with a '/'. */
static size_t component_end(const char *text, size_t len, size_t at, size_t *ret_next)
{
	while (at < len) {
		size_t unit_len = glob_syntax_unit_len(text + at, len - at);
		if (text[at + unit_len - 1] == '/') {
			*ret_next = at + unit_len;
			return at;
		}
		at += unit_len;
	}
	*ret_next = len + 1;
	return at;
}

static enum glob_component_kind kind_of(const char *text, size_t len)
{
	if (len == 2 && text[0] == '*' && text[1] == '*')
		return GLOB_ANY_DEPTH;
	for (size_t at = 0; at < len;) {
		if (strchr("*?[", text[at]))
			return GLOB_WILD;
		at += glob_syntax_unit_len(text + at, len - at);
	}
	return GLOB_LITERAL;
}

static void put_unescaped(struct buffer *out, const char *text, size_t len)
{
	for (size_t at = 0; at < len;) {
		char byte = text[at];
		if (byte == '\\')
			at += glob_syntax_scan_escape(text + at, len - at, &byte);
		else
			at++;
		buffer_put_u8(out, (uint8_t)byte);
	}
}

static const char *component_text(const struct glob_alternative *alternative,
				  const struct glob_component *component)
{
	return (const char *)alternative->text.at + component->at;
}

static bool component_is(const struct glob_alternative *alternative,
			 const struct glob_component *component, const char *name)
{
	return component->kind == GLOB_LITERAL && component->len == strlen(name) &&
	       memcmp(component_text(alternative, component), name, component->len) == 0;
}

static void add_component(struct glob_alternative *alternative, const char *text,
			  size_t len)
{
	struct buffer *out = &alternative->text;
	if (out->len > 0)
		buffer_put_u8(out, '/');
	struct glob_component component = {
		.at = (uint32_t)out->len,
		.kind = (uint8_t)kind_of(text, len),
	};
	if (component.kind == GLOB_LITERAL)
		put_unescaped(out, text, len);
	else
		buffer_put(out, text, len);
	component.len = (uint32_t)(out->len - component.at);
	alternative->components[alternative->count++] = component;
}

/* Drops the last component: it was "." and names nothing. */
static void drop_component(struct glob_alternative *alternative)
{
	const struct glob_component *last =
		&alternative->components[--alternative->count];
	alternative->text.len = last->at > 0 ? last->at - 1 : 0;
}

static size_t count_slashes(const char *text, size_t len)
{
	size_t count = 0;
	for (size_t i = 0; i < len; i++)
		count += text[i] == '/';
	return count;
}

static const struct glob_component *last_component(const struct glob_alternative *in)
{
	return &in->components[in->count - 1];
}

/* Adds one component as written; a "." names nothing and is dropped. *ret_named says
 * whether it stayed. */
static const char *compile_component(struct glob_alternative *alternative,
				     const char *text, size_t len, bool *ret_named)
{
	*ret_named = false;
	if (len == 0)
		return NULL;
	add_component(alternative, text, len);
	const struct glob_component *last = last_component(alternative);
	if (component_is(alternative, last, ".."))
		return "has a `..` component; paths have none";
	*ret_named = !component_is(alternative, last, ".");
	if (!*ret_named)
		drop_component(alternative);
	return NULL;
}

const char *glob_alternative_init(struct glob_alternative *alternative, const char *text,
				  size_t len)
{
	*alternative = (struct glob_alternative){0};
	if (len == 0)
		return "the pattern, or an alternative in its braces, is empty";
	alternative->components =
		must_calloc(count_slashes(text, len) + 3, sizeof(struct glob_component));
	alternative->components[0].kind = GLOB_ANY_DEPTH;
	alternative->count = 1;
	bool named = false;
	for (size_t at = 0, next; at <= len; at = next) {
		size_t end = component_end(text, len, at, &next);
		if (end == 0)
			return "begins with a '/'; patterns are relative to the root";
		const char *fault =
			compile_component(alternative, text + at, end - at, &named);
		if (fault)
			return fault;
	}
	alternative->only_dirs = !named;
	if (alternative->count > 1 && last_component(alternative)->kind == GLOB_ANY_DEPTH)
		add_component(alternative, "*", 1);
	buffer_put_u8(&alternative->text, '\0');
	return NULL;
}

void glob_alternative_fini(struct glob_alternative *alternative)
{
	buffer_fini(&alternative->text);
	free(alternative->components);
	*alternative = (struct glob_alternative){0};
}

/* ---- matching -------------------------------------------------------------------- */

/* Whether the unit at the beginning of text, which is no star, takes byte: the unit's
 * length, else 0. */
static size_t unit_takes(const char *text, size_t len, char byte)
{
	if (text[0] == '[') {
		struct glob_set_scan scan =
			glob_syntax_scan_set(text, len, (uint8_t)byte);
		return scan.matches ? scan.len : 0;
	}
	if (text[0] == '\\') {
		char wanted;
		size_t escape_len = glob_syntax_scan_escape(text, len, &wanted);
		return wanted == byte ? escape_len : 0;
	}
	return text[0] == '?' || text[0] == byte ? 1 : 0;
}

/* Two pointers: a mismatch goes back to the last star only, which takes one byte more;
 * an earlier star could not do better. So |text| × |name| steps. */
static bool wild_matches(const char *text, size_t text_len, const char *name,
			 size_t name_len)
{
	size_t unit = 0, at = 0;
	size_t after_star = SIZE_MAX, star_end = 0;
	while (at < name_len) {
		if (unit < text_len && text[unit] == '*') {
			after_star = ++unit;
			star_end = at;
			continue;
		}
		size_t taken = 0;
		if (unit < text_len)
			taken = unit_takes(text + unit, text_len - unit, name[at]);
		if (taken > 0) {
			unit += taken;
			at++;
		} else if (after_star != SIZE_MAX) {
			unit = after_star;
			at = ++star_end;
		} else {
			return false;
		}
	}
	while (unit < text_len && text[unit] == '*')
		unit++;
	return unit == text_len;
}

static bool component_matches(const struct glob_alternative *alternative,
			      size_t component, const char *name, size_t len)
{
	const struct glob_component *wanted = &alternative->components[component];
	const char *text = component_text(alternative, wanted);
	if (wanted->kind == GLOB_WILD)
		return wild_matches(text, wanted->len, name, len);
	return wanted->len == len && memcmp(text, name, len) == 0;
}

/* The end of the name that begins at `at`. */
static size_t name_end(const char *path, size_t len, size_t at)
{
	const char *slash = memchr(path + at, '/', len - at);
	return slash ? (size_t)(slash - path) : len;
}

/* The same two pointers over components and names. The first match from the top is the
 * shortest, which is the one that or_above wants. */
bool glob_alternative_matches(const struct glob_alternative *alternative, bool anywhere,
			      const struct glob_subject *subject)
{
	const char *path = subject->path;
	size_t len = subject->len;
	size_t wanted = anywhere ? 0 : 1, at = 0;
	size_t after_any = SIZE_MAX, any_end = 0;
	while (at < len && !(subject->or_above && wanted == alternative->count)) {
		bool more = wanted < alternative->count;
		if (more && alternative->components[wanted].kind == GLOB_ANY_DEPTH) {
			after_any = ++wanted;
			any_end = at;
			continue;
		}
		size_t end = name_end(path, len, at);
		if (more && component_matches(alternative, wanted, path + at, end - at)) {
			wanted++;
			at = end + 1;
		} else if (after_any != SIZE_MAX) {
			wanted = after_any;
			any_end = name_end(path, len, any_end) + 1;
			at = any_end;
		} else {
			return false;
		}
	}
	bool is_dir = subject->is_dir || at < len;
	return wanted == alternative->count && (is_dir || !alternative->only_dirs);
}

/* Names up to the first `**` are matched one by one; after it all is possible, since a
 * `**` is never the last component. */
bool glob_alternative_may_match_below(const struct glob_alternative *alternative,
				      const char *dir, size_t dir_len)
{
	size_t wanted = 1;
	for (size_t at = 0; at < dir_len; wanted++) {
		if (wanted == alternative->count)
			return false;
		if (alternative->components[wanted].kind == GLOB_ANY_DEPTH)
			return true;
		size_t end = name_end(dir, dir_len, at);
		if (!component_matches(alternative, wanted, dir + at, end - at))
			return false;
		at = end + 1;
	}
	return wanted < alternative->count;
}
