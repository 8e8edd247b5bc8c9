/* What lies at a path: a file, a folder, a link. */
#include <string.h>

#include "daemon/http/request/answer.h"
#include "daemon/http/resource/file.h"
#include "daemon/http/resource/folder.h"
#include "daemon/http/resource/folder_tree.h"
#include "daemon/http/resource/path.h"
#include "daemon/http/syntax/percent.h"
#include "daemon/store/layer/content.h"
#include "proto/base/cleanup.h"
#include "proto/base/escape.h"
#include "proto/path/path.h"

static enum MHD_Result answer_nothing(struct http_request *request,
				      const struct route *route)
{
	char shown[ESCAPE_SHOWN_SIZE];
	struct error error = {0};
	(void)error_set(&error, ERR_NOT_FOUND, "`%s`: there is nothing at this path",
			escape_shown(route->path.at, route->path.len, shown));
	return answer_error(request, &error);
}

/* location: relative to the URL of the request. */
static enum MHD_Result redirect(struct http_request *request, const char *location)
{
	struct MHD_Response *response =
		MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
	if (!response)
		return MHD_NO;
	answer_header(response, MHD_HTTP_HEADER_LOCATION, location);
	answer_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
	return answer_queue(request, MHD_HTTP_FOUND, response);
}

/* So that what is linked from a folder's page is found below it. */
static enum MHD_Result redirect_to_folder(struct http_request *request,
					  const struct route *route)
{
	struct buffer location AUTO(buffer_fini) = {0};
	size_t parent = path_parent_len(route->path.at, route->path.len);
	size_t begin = parent ? parent + 1 : 0;
	percent_encode(&location, route->path.at + begin, route->path.len - begin, false);
	buffer_put(&location, "/", sizeof("/"));
	return redirect(request, (const char *)location.at);
}

/* ---- links ----------------------------------------------------------------------- */

/* Whether a link's target, from the folder that it lies in, stays inside the tree. */
static bool stays_inside(const struct row *row)
{
	size_t depth = 0;
	for (size_t i = 0; i < row->path_len; i++)
		depth += row->path[i] == '/';
	for (size_t at = 0; at < row->target_len;) {
		const char *begin = row->target + at;
		const char *slash = memchr(begin, '/', row->target_len - at);
		size_t len = slash ? (size_t)(slash - begin) : row->target_len - at;
		bool up = len == 2 && memcmp(begin, "..", 2) == 0;
		if (up && depth == 0)
			return false;
		depth -= up;
		depth += !up && len > 0 && !(len == 1 && *begin == '.');
		at += len + 1;
	}
	return row->target_len > 0 && *row->target != '/';
}

static enum MHD_Result follow_link(struct http_request *request, const struct row *row)
{
	char shown[ESCAPE_SHOWN_SIZE];
	struct error error = {0};
	struct buffer location AUTO(buffer_fini) = {0};
	if (!stays_inside(row)) {
		(void)error_set(&error, ERR_NOT_FOUND,
				"this is a symbolic link to `%s`, which is outside",
				escape_shown(row->target, row->target_len, shown));
		return answer_error(request, &error);
	}
	/* A colon in the first segment would make a scheme of it. */
	buffer_put(&location, "./", 2);
	percent_encode(&location, row->target, row->target_len, true);
	buffer_put_u8(&location, 0);
	return redirect(request, (const char *)location.at);
}

/* ---- the whole ------------------------------------------------------------------- */

static enum MHD_Result show_found(struct http_request *request,
				  const struct subject *subject,
				  const struct route *route, struct content **content)
{
	const struct row *row = content_row(*content);
	bool is_folder = row->type == ROW_DIRECTORY;
	if (is_folder && !route->is_folder)
		return redirect_to_folder(request, route);
	if (is_folder)
		return folder_answer(request, subject, route->path);
	if (route->is_folder)
		return answer_nothing(request, route);
	return row->type == ROW_SYMLINK ? follow_link(request, row)
					: file_answer(request, content);
}

static void free_content(struct content **content)
{
	content_free(*content);
}

/* 1: found; 0: no layer has a row there; <0. */
static int find_content(struct http_request *request, const struct subject *subject,
			struct text path, struct content **ret_content,
			struct error *error)
{
	uint32_t layer;
	int err = folder_tree_layer_of(request->services, subject, path, &layer, error);
	if (err || layer == VIEW_NONE)
		return err;
	return content_find(request->services->store, subject->history.records[layer].id,
			    path.at, path.len, ret_content, error);
}

enum MHD_Result path_answer(struct http_request *request, const struct subject *subject,
			    const struct route *route)
{
	struct error error = {0};
	struct content *content AUTO(free_content) = NULL;
	if (route->path.len == 0)
		return folder_answer(request, subject, route->path);
	int found = find_content(request, subject, route->path, &content, &error);
	if (found > 0)
		return show_found(request, subject, route, &content);
	/* A folder need not have a row of its own. */
	if (found == 0)
		found = folder_is_there(request, subject, route->path, &error);
	if (found < 0)
		return answer_error(request, &error);
	if (found == 0)
		return answer_nothing(request, route);
	return route->is_folder ? folder_answer(request, subject, route->path)
				: redirect_to_folder(request, route);
}
