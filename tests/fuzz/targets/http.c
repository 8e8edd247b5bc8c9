/*
 * What the HTTP front end reads of a request by itself: the target, a NUL, and a text
 * that is taken for each of its headers. (Heads and lines are the library's.)
 */
#include <stdlib.h>
#include <string.h>

#include "daemon/http/syntax/byte_range.h"
#include "daemon/http/syntax/host_name.h"
#include "daemon/http/syntax/media_type.h"
#include "daemon/http/syntax/percent.h"
#include "daemon/http/syntax/route.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "proto/path/path.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/same.h"

/* What can be asked for in a layer is a path of one. */
static void check_route(struct text target)
{
	struct arena arena AUTO(arena_fini) = {0};
	struct route route;
	struct error error = {0};
	int err = route_find(&arena, target, &route, &error);
	claim(err == 0 || err == ERR_USAGE || err == ERR_NOT_FOUND);
	if (err == 0 && (route.kind == ROUTE_FILES || route.kind == ROUTE_ARCHIVE))
		claim(route.path.len == 0 || path_valid(route.path.at, route.path.len));
}

/* What was encoded comes back, with and without slashes. */
static void check_percent(const char *bytes, size_t len)
{
	struct arena arena AUTO(arena_fini) = {0};
	size_t back_len;
	const char *decoded = percent_decode(&arena, bytes, len, &back_len);
	claim(!decoded || (back_len <= len && !memchr(decoded, 0, back_len)));
	if (memchr(bytes, 0, len))
		return;
	for (unsigned keep_slash = 0; keep_slash < 2; keep_slash++) {
		struct buffer text AUTO(buffer_fini) = {0};
		percent_encode(&text, bytes, len, keep_slash);
		const char *at = text.at ? (const char *)text.at : "";
		const char *back = percent_decode(&arena, at, text.len, &back_len);
		claim(back && same_bytes(bytes, len, back, back_len));
	}
}

static void check_header(struct text header, uint64_t size)
{
	struct byte_range range = byte_range_parse(header, size);
	if (range.kind == RANGE_PART)
		claim(range.first <= range.last && range.last < size);
	(void)entity_tag_listed(header, "\"a\"", false);
	claim(!entity_tag_listed(header, "\"a\"", false) ||
	      entity_tag_listed(header, "\"a\"", true));
	(void)host_name_is_loopback(header);
	claim(*media_type_of(header, header.at, header.len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const char *at = (const char *)data;
	const char *end = len ? memchr(at, 0, len) : NULL;
	size_t target_len = end ? (size_t)(end - at) : len;
	check_route((struct text){at, target_len});
	check_percent(at, target_len);
	if (!end)
		return 0;
	const struct text header = {end + 1, len - target_len - 1};
	check_header(header, 1000);
	check_header(header, 0);
	check_header(header, UINT64_MAX);
	return 0;
}
