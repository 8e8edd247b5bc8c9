#include "daemon/http/syntax/media_type.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

/* Bytes that are looked at. */
#define BEGINNING_MAX 1024u

static const struct {
	const char *extension, *type;
} types[] = {
	{".bz2", "application/x-bzip2"},
	{".css", "text/css; charset=utf-8"},
	{".csv", "text/csv; charset=utf-8"},
	{".gif", "image/gif"},
	{".gz", "application/gzip"},
	{".htm", "text/html; charset=utf-8"},
	{".html", "text/html; charset=utf-8"},
	{".ico", "image/x-icon"},
	{".jar", "application/java-archive"},
	{".jpeg", "image/jpeg"},
	{".jpg", "image/jpeg"},
	{".js", "text/javascript; charset=utf-8"},
	{".json", "application/json"},
	{".log", "text/plain; charset=utf-8"},
	{".map", "application/json"},
	{".md", "text/markdown; charset=utf-8"},
	{".mjs", "text/javascript; charset=utf-8"},
	{".mp4", "video/mp4"},
	{".pdf", "application/pdf"},
	{".png", "image/png"},
	{".svg", "image/svg+xml"},
	{".tar", "application/x-tar"},
	{".txt", "text/plain; charset=utf-8"},
	{".wasm", "application/wasm"},
	{".webm", "video/webm"},
	{".webp", "image/webp"},
	{".woff", "font/woff"},
	{".woff2", "font/woff2"},
	{".xml", "text/xml; charset=utf-8"},
	{".xz", "application/x-xz"},
	{".yaml", "application/yaml"},
	{".yml", "application/yaml"},
	{".zip", "application/zip"},
	{".zst", "application/zstd"},
};

static bool ends_with(struct text name, const char *extension)
{
	size_t len = strlen(extension);
	return name.len > len &&
	       strncasecmp(name.at + name.len - len, extension, len) == 0;
}

static bool is_text_byte(const char *at, size_t left, size_t *ret_len)
{
	bool blank = memchr("\t\n\f\r\x1b", *at, 5) != NULL;
	*ret_len = blank ? 1 : text_clean_len(at, left);
	return *ret_len > 0;
}

/* A character that is cut off at the end of what was given is one all the same. */
static bool is_text(const char *at, size_t len)
{
	size_t room = len < BEGINNING_MAX ? len : BEGINNING_MAX;
	for (size_t i = 0, step; i < room; i += step) {
		if (!is_text_byte(at + i, room - i, &step))
			return room - i < 4 && room == BEGINNING_MAX;
	}
	return true;
}

const char *media_type_of(struct text name, const void *beginning, size_t len)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
		if (ends_with(name, types[i].extension))
			return types[i].type;
	}
	return is_text(beginning, len) ? "text/plain; charset=utf-8"
				       : "application/octet-stream";
}
