/*
 * Which resource a request means: the path is cut at each `/` as it was sent, and each
 * segment decoded by itself, so that `%2F` in a name never separates anything.
 *
 *	/api/v1                                               what this is
 *	/api/v1/openapi.json                                  the description of all this
 *	/api/v1/namespaces                                    list
 *	/api/v1/namespaces/NS/workflows                       list
 *	/api/v1/namespaces/NS/workflows/WF                    one, with its layers
 *	/api/v1/namespaces/NS/workflows/WF/files/PATH         what an attach would give
 *	/api/v1/namespaces/NS/layers/ID                       one
 *	/api/v1/namespaces/NS/layers/ID/files/PATH            a file; a folder's list
 *	/api/v1/namespaces/NS/layers/ID/archive.zip, .tar     a folder, or all
 *
 * Pure but for the arena.
 */
#ifndef BATON_DAEMON_HTTP_SYNTAX_ROUTE_H
#define BATON_DAEMON_HTTP_SYNTAX_ROUTE_H

#include <stdbool.h>

#include "proto/base/arena.h"
#include "proto/base/error.h"
#include "proto/base/text.h"

enum route_kind {
	ROUTE_UNKNOWN,
	ROUTE_ABOUT,
	ROUTE_OPENAPI,
	ROUTE_NAMESPACES,
	ROUTE_WORKFLOWS,
	ROUTE_WORKFLOW,
	ROUTE_LAYER,
	ROUTE_FILES,
	ROUTE_ARCHIVE,
};

struct route {
	enum route_kind kind;
	struct text namespace;       /* all in the arena, decoded */
	struct text workflow, layer; /* one of them, or none */
	struct text path;            /* ROUTE_FILES: without a `/` at its end */
	bool is_folder;              /* a `/` stood there, or there is no path */
	struct text format;          /* ROUTE_ARCHIVE: "zip", "tar" */
};

/* target: the path as it was sent. ERR_USAGE: a segment that is not well encoded, or a
 * path of a file that can be none (`..`, empty segments). */
int route_find(struct arena *arena, struct text target, struct route *ret_route,
	       struct error *error);

#endif
