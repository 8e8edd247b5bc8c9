#include "daemon/http/resource/file.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/http/request/answer.h"
#include "daemon/http/syntax/byte_range.h"
#include "daemon/http/syntax/media_type.h"
#include "daemon/http/syntax/percent.h"
#include "proto/base/cleanup.h"
#include "proto/path/path.h"

/* What is sent at a time. */
#define BLOCK_LEN (128u * 1024u)
/* Up to this size all of it is read before the answer begins. */
#define WHOLE_MAX (64u * 1024u)
#define ETAG_SIZE (2u * SHA256_LEN + 8u)

/* ---- what it is ------------------------------------------------------------------ */

static void etag_of(const struct row *row, char ret_tag[ETAG_SIZE])
{
	char hex[2 * SHA256_LEN + 1];
	struct sha256 *sha = sha256_new();
	for (size_t i = 0; i < row->unit_count; i++)
		sha256_update(sha, row->units[i].sha.bytes, SHA256_LEN);
	struct digest digest = row->unit_count == 1 ? row->units[0].sha
						    : sha256_final(sha);
	sha256_free(sha);
	if (row->unit_count == 0)
		digest = sha256_of("", 0);
	hex_encode(digest.bytes, SHA256_LEN, hex);
	(void)snprintf(ret_tag, ETAG_SIZE, "\"%s%s\"", row->unit_count > 1 ? "u-" : "",
		       hex);
}

/* attachment; filename*=UTF-8''NAME (RFC 6266, RFC 8187); bytes that are no UTF-8 come
 * encoded as they are. */
static void put_disposition(struct http_request *request, struct MHD_Response *response,
			    const struct row *row)
{
	bool bad = false;
	struct buffer value AUTO(buffer_fini) = {0};
	static const char begin[] = "filename*=UTF-8''";
	size_t parent = path_parent_len(row->path, row->path_len);
	size_t at = parent ? parent + 1 : 0;
	bool attach = text_is(http_request_query(request, "download", &bad), "1");
	const char *kind = attach ? "attachment; " : "inline; ";
	buffer_put(&value, kind, strlen(kind));
	buffer_put(&value, begin, sizeof(begin) - 1);
	percent_encode(&value, row->path + at, row->path_len - at, false);
	buffer_put_u8(&value, 0);
	answer_header(response, MHD_HTTP_HEADER_CONTENT_DISPOSITION,
		      (const char *)value.at);
}

static void put_heads(struct http_request *request, struct MHD_Response *response,
		      const struct row *row, const char *tag, const char *type)
{
	answer_header(response, MHD_HTTP_HEADER_ETAG, tag);
	answer_header(response, MHD_HTTP_HEADER_ACCEPT_RANGES, "bytes");
	answer_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "private, no-cache");
	answer_header(response, "Content-Security-Policy", "sandbox allow-scripts");
	if (type)
		answer_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	put_disposition(request, response, row);
}

/* ---- its bytes ------------------------------------------------------------------- */

/* A part of a file that is being sent. */
struct sending {
	struct content *content; /* owned */
	uint64_t first;          /* where it begins in the file */
	const struct log *log;   /* borrowed */
	struct budget_share memory;
};

static ssize_t send_some(void *context, uint64_t at, char *ret_bytes, size_t room)
{
	struct sending *sending = context;
	struct error error = {0};
	size_t len;
	if (content_read(sending->content, sending->first + at, ret_bytes, room, &len,
			 &error) == 0 &&
	    len > 0)
		return (ssize_t)len;
	/* The head is sent: what is left is to break off, so that nobody takes a part for
	 * the whole. */
	log_line(sending->log, LOG_ERROR, "http", "%s",
		 error.code ? error.text : "a file ends before its size");
	return MHD_CONTENT_READER_END_WITH_ERROR;
}

static void sending_free(void *context)
{
	struct sending *sending = context;
	content_free(sending->content);
	budget_give_back(&sending->memory);
	free(sending);
}

/* NULL and the error where there is no memory for it. */
static struct MHD_Response *stream(struct http_request *request, struct content **content,
				   const struct byte_range *range, struct error *error)
{
	struct sending *sending = must_calloc(1, sizeof(*sending));
	sending->first = range->first;
	sending->log = request->services->log;
	if (http_request_take_memory(request, &sending->memory, error)) {
		sending_free(sending);
		return NULL;
	}
	sending->content = take_ptr(content);
	struct MHD_Response *response = MHD_create_response_from_callback(
		range->last - range->first + 1, BLOCK_LEN, send_some, sending,
		sending_free);
	if (!response)
		sending_free(sending);
	return response;
}

/* All that is meant, read at once; NULL and the error where that fails. */
static struct MHD_Response *
read_whole(struct content *content, const struct byte_range *range, struct error *error)
{
	size_t wanted = (size_t)(range->last - range->first + 1), done = 0, len = 1;
	char *bytes = may_alloc(wanted, error);
	int err = bytes ? 0 : ERR_NO_MEMORY;
	for (; err == 0 && len > 0 && done < wanted; done += len)
		err = content_read(content, range->first + done, bytes + done,
				   wanted - done, &len, error);
	if (err == 0 && done < wanted)
		err = error_set(error, ERR_DAMAGED, "a file ends before its size");
	struct MHD_Response *response =
		err ? NULL
		    : MHD_create_response_from_buffer(wanted, bytes,
						      MHD_RESPMEM_MUST_FREE);
	if (!response)
		free(bytes);
	return response;
}

/* ---- the answer ------------------------------------------------------------------ */

static enum MHD_Result answer_empty(struct http_request *request, unsigned status,
				    const struct row *row, const char *tag)
{
	char size[48];
	const struct text name = {row->path, row->path_len};
	bool is_it = status == MHD_HTTP_OK;
	struct MHD_Response *response =
		MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
	if (!response)
		return MHD_NO;
	put_heads(request, response, row, tag, is_it ? media_type_of(name, "", 0) : NULL);
	(void)snprintf(size, sizeof(size), "bytes */%" PRIu64, row->size);
	if (status == MHD_HTTP_RANGE_NOT_SATISFIABLE)
		answer_header(response, MHD_HTTP_HEADER_CONTENT_RANGE, size);
	return answer_queue(request, status, response);
}

/* Which part the request means: a range counts only where what the client has of the file
 * is of this one. */
static struct byte_range wanted_range(const struct http_request *request,
				      const struct row *row, const char *tag)
{
	struct text condition = http_request_header(request, MHD_HTTP_HEADER_IF_RANGE);
	if (condition.len && !entity_tag_listed(condition, tag, false))
		return (struct byte_range){RANGE_NONE, 0, 0};
	return byte_range_parse(http_request_header(request, MHD_HTTP_HEADER_RANGE),
				row->size);
}

static const char *type_of(struct content *content, struct error *error)
{
	char beginning[1024];
	size_t len = 0;
	const struct row *row = content_row(content);
	if (content_read(content, 0, beginning, sizeof(beginning), &len, error))
		return NULL;
	return media_type_of((struct text){row->path, row->path_len}, beginning, len);
}

static enum MHD_Result answer_part(struct http_request *request, struct content **content,
				   const char *tag, const struct byte_range *range)
{
	char part[80];
	struct error error = {0};
	const struct row row = *content_row(*content);
	/* Read first, so that what cannot be read is an error and not half an answer. */
	const char *type = type_of(*content, &error);
	if (!type)
		return answer_error(request, &error);
	struct MHD_Response *response = NULL;
	bool small = range->last - range->first < WHOLE_MAX;
	char *path = arena_text(&request->arena, (struct text){row.path, row.path_len});
	const struct row named = {.path = path, .path_len = row.path_len};
	response = small ? read_whole(*content, range, &error)
			 : stream(request, content, range, &error);
	if (error.code)
		return answer_error(request, &error);
	if (!response)
		return MHD_NO;
	put_heads(request, response, &named, tag, type);
	(void)snprintf(part, sizeof(part), "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64,
		       range->first, range->last, row.size);
	if (range->kind == RANGE_PART)
		answer_header(response, MHD_HTTP_HEADER_CONTENT_RANGE, part);
	return answer_queue(request,
			    range->kind == RANGE_PART ? MHD_HTTP_PARTIAL_CONTENT
						      : MHD_HTTP_OK,
			    response);
}

enum MHD_Result file_answer(struct http_request *request, struct content **content)
{
	char tag[ETAG_SIZE];
	const struct row *row = content_row(*content);
	etag_of(row, tag);
	struct text known = http_request_header(request, MHD_HTTP_HEADER_IF_NONE_MATCH);
	if (known.len && entity_tag_listed(known, tag, true))
		return answer_empty(request, MHD_HTTP_NOT_MODIFIED, row, tag);
	struct byte_range range = wanted_range(request, row, tag);
	if (range.kind == RANGE_BEYOND)
		return answer_empty(request, MHD_HTTP_RANGE_NOT_SATISFIABLE, row, tag);
	if (row->size == 0)
		return answer_empty(request, MHD_HTTP_OK, row, tag);
	if (range.kind == RANGE_NONE)
		range = (struct byte_range){RANGE_NONE, 0, row->size - 1};
	return answer_part(request, content, tag, &range);
}
