#include "daemon/http/syntax/route.h"

#include <string.h>

#include "daemon/http/syntax/percent.h"
#include "proto/path/path.h"

/* What is left of a target. */
struct segments {
	struct arena *arena; /* borrowed */
	const char *at;
	size_t left;
	bool bad; /* a segment was not well encoded */
};

/* The next segment, decoded; false at the end. */
static bool next_segment(struct segments *segments, struct text *ret_segment)
{
	if (segments->left == 0)
		return false;
	const char *begin = segments->at + 1; /* behind a `/` */
	const char *end = memchr(begin, '/', segments->left - 1);
	size_t len = end ? (size_t)(end - begin) : segments->left - 1;
	segments->at += len + 1;
	segments->left -= len + 1;
	size_t decoded_len = 0;
	char *decoded = percent_decode(segments->arena, begin, len, &decoded_len);
	segments->bad = segments->bad || !decoded;
	*ret_segment = (struct text){decoded, decoded_len};
	return true;
}

static bool skip(struct segments *segments, const char *word)
{
	struct text segment;
	return next_segment(segments, &segment) && text_is(segment, word);
}

static bool at_end(const struct segments *segments)
{
	return segments->left == 0 || (segments->left == 1 && *segments->at == '/');
}

/* ---- the path of a file ---------------------------------------------------------- */

static int bad_path(struct error *error)
{
	return error_set(error, ERR_USAGE,
			 "the path in this URL is none that a file can have: it has an "
			 "empty, `.` or `..` component, or is too long");
}

/* A `/` in a segment that was encoded separates as any other does: no name has one. */
static int take_path(struct segments *segments, struct route *route, struct error *error)
{
	size_t len = 0;
	char *path = percent_decode(segments->arena,
				    segments->at + (segments->left ? 1 : 0),
				    segments->left ? segments->left - 1 : 0, &len);
	if (!path) {
		segments->bad = true;
		return 0;
	}
	bool root = len == 0;
	route->is_folder = root || path[len - 1] == '/';
	if (!root && route->is_folder)
		len--;
	route->path = (struct text){path, len};
	return root || path_valid(path, len) ? 0 : bad_path(error);
}

/* ---- the tree of resources ------------------------------------------------------- */

static const struct {
	const char *name, *format;
} archives[] = {
	{"archive.zip", "zip"},
	{"archive.tar", "tar"},
};

static void take_archive(struct text name, struct route *route)
{
	for (size_t i = 0; i < sizeof(archives) / sizeof(*archives); i++) {
		if (!text_is(name, archives[i].name))
			continue;
		route->kind = ROUTE_ARCHIVE;
		route->format = text_of(archives[i].format);
	}
}

/* Behind a workflow's name or a layer's id. */
static int find_part(struct segments *segments, enum route_kind whole,
		     struct route *route, struct error *error)
{
	struct text part;
	if (at_end(segments)) {
		route->kind = whole;
		return 0;
	}
	(void)next_segment(segments, &part);
	if (text_is(part, "files")) {
		route->kind = ROUTE_FILES;
		return take_path(segments, route, error);
	}
	if (at_end(segments))
		take_archive(part, route);
	return 0;
}

static int find_in_namespace(struct segments *segments, struct route *route,
			     struct error *error)
{
	struct text kind;
	if (!next_segment(segments, &kind))
		return 0;
	bool of_workflows = text_is(kind, "workflows");
	if (of_workflows && at_end(segments)) {
		route->kind = ROUTE_WORKFLOWS;
		return 0;
	}
	struct text *name = of_workflows ? &route->workflow : &route->layer;
	if ((!of_workflows && !text_is(kind, "layers")) || !next_segment(segments, name))
		return 0;
	return find_part(segments, of_workflows ? ROUTE_WORKFLOW : ROUTE_LAYER, route,
			 error);
}

static int find_resource(struct segments *segments, struct route *route,
			 struct error *error)
{
	struct text kind;
	if (at_end(segments)) {
		route->kind = ROUTE_ABOUT;
		return 0;
	}
	(void)next_segment(segments, &kind);
	if (text_is(kind, "openapi.json") && at_end(segments))
		route->kind = ROUTE_OPENAPI;
	if (!text_is(kind, "namespaces"))
		return 0;
	if (at_end(segments)) {
		route->kind = ROUTE_NAMESPACES;
		return 0;
	}
	(void)next_segment(segments, &route->namespace);
	return find_in_namespace(segments, route, error);
}

int route_find(struct arena *arena, struct text target, struct route *ret_route,
	       struct error *error)
{
	*ret_route = (struct route){0};
	struct segments segments = {arena, target.at, target.len, false};
	int err = 0;
	if (target.len > 0 && *target.at == '/' && skip(&segments, "api") &&
	    skip(&segments, "v1"))
		err = find_resource(&segments, ret_route, error);
	if (segments.bad)
		return error_set(error, ERR_USAGE,
				 "the URL is not well encoded: a %% has two hexadecimal "
				 "digits behind it, and none stands for NUL");
	return err;
}
