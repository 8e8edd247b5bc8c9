#include "proto/path/path.h"

#include <stdint.h>
#include <string.h>

#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "proto/bounds.h"

/* ---- structure ------------------------------------------------------------------- */

static size_t component_end(const char *path, size_t len, size_t at)
{
	const char *slash = memchr(path + at, '/', len - at);
	return slash ? (size_t)(slash - path) : len;
}

static bool component_valid(const char *name, size_t len)
{
	return len > 0 && len <= COMPONENT_LEN_MAX && !path_is_dots(name, len);
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

char *path_clean(const char *text)
{
	char *path = must_alloc(strlen(text) + 2);
	size_t len = 0;
	bool is_dir = false;
	if (*text == '/')
		path[len++] = '/';
	while (*text) {
		size_t component = strcspn(text, "/");
		bool is_named = component > 0 && !(component == 1 && *text == '.');
		if (is_named && len > 0 && path[len - 1] != '/')
			path[len++] = '/';
		if (is_named)
			memcpy(path + len, text, component);
		len += is_named ? component : 0;
		text += component;
		is_dir = !is_named || *text == '/';
		text += strspn(text, "/");
	}
	if (is_dir && len > 0 && path[len - 1] != '/')
		path[len++] = '/';
	path[len] = '\0';
	return path;
}

char *path_clean_name(const char *text)
{
	char *path = path_clean(text);
	size_t len = strlen(path);
	if (len > 1 && path[len - 1] == '/')
		path[len - 1] = '\0';
	return path;
}

/* ---- component --------------------------------------------------------------------- */

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
		put_component_byte(&out, name[i], path_is_dots(name, len));
	if (len == 0)
		buffer_put_u8(&out, '%');
	buffer_put_u8(&out, '\0');
	return (char *)out.at;
}
