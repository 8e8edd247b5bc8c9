#include "daemon/http/archive/format.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "daemon/http/archive/send.h"
#include "daemon/http/request/answer.h"
#include "daemon/http/resource/folder_tree.h"
#include "daemon/store/layer/content.h"
#include "proto/base/cleanup.h"
#include "proto/path/path.h"

#define BLOCK_LEN (128u * 1024u)

/* What is made next. */
enum archive_step {
	STEP_ENTRY,   /* the head of the next entry */
	STEP_CONTENT, /* the next unit of its content */
	STEP_INDEX,   /* the index's part for the next entry */
	STEP_END,
	STEP_DONE,
};

struct archive {
	const struct archive_format *format;
	const struct services *services; /* borrowed */
	struct subject subject;          /* owned */
	struct folder_tree tree;         /* owned */
	char *folder;                    /* owned; what tree.folder borrows from */
	struct segment_reader frames;
	struct budget_share memory; /* for what is on its way */
	enum archive_step step;
	struct archive_entry entry; /* the latest */
	size_t unit;                /* of the content, the next one */
	uint64_t made;              /* bytes so far */
	uint64_t index_at, count;
	uint64_t index_next; /* where the head of the index's next entry begins */
	struct buffer crcs;  /* owned; u32 of each entry, where the format wants them */
	struct buffer out;   /* owned; made and not sent */
	size_t sent;         /* of out */
};

static void archive_free(void *context)
{
	struct archive *archive = context;
	segment_reader_fini(&archive->frames);
	budget_give_back(&archive->memory);
	folder_tree_close(&archive->tree);
	subject_fini(&archive->subject);
	buffer_fini(&archive->crcs);
	buffer_fini(&archive->out);
	free(archive->folder);
	free(archive);
}

/* ---- entries --------------------------------------------------------------------- */

static void name_entry(struct archive *archive)
{
	const struct row *row = &archive->tree.row.row;
	size_t skipped = archive->tree.folder.len ? archive->tree.folder.len + 1 : 0;
	archive->entry.row = row;
	archive->entry.name = row->path + skipped;
	archive->entry.name_len = row->path_len - skipped;
	archive->entry.crc = 0;
}

static uint64_t content_len(const struct archive *archive, const struct row *row)
{
	bool link = row->type == ROW_SYMLINK && archive->format->link_has_content;
	return row->type == ROW_FILE ? row->size : link ? row->target_len : 0;
}

static int load_unit(struct archive *archive, size_t unit, const uint8_t **ret_bytes,
		     struct error *error)
{
	struct frame_place place;
	const struct merged_row *row = &archive->tree.row;
	int err = tree_place(archive->tree.tree, row, unit, &place, error);
	return err ? err
		   : content_load_unit(&archive->frames, &place, &row->row.units[unit],
				       ret_bytes, error);
}

static uLong crc_more(uLong crc, const void *bytes, size_t len)
{
	return crc32_z(crc, bytes, len);
}

/* Reads all of its content: what is sent next is mostly decoded by then. */
static int sum_content(struct archive *archive, struct error *error)
{
	const struct row *row = archive->entry.row;
	uLong crc = crc32_z(0, NULL, 0);
	int err = 0;
	for (size_t i = 0; err == 0 && row->type == ROW_FILE && i < row->unit_count;
	     i++) {
		const uint8_t *bytes;
		err = load_unit(archive, i, &bytes, error);
		if (err == 0)
			crc = crc_more(crc, bytes, row->units[i].key.len);
	}
	if (row->type == ROW_SYMLINK)
		crc = crc_more(crc, row->target, row->target_len);
	archive->entry.crc = (uint32_t)crc;
	buffer_put_u32(&archive->crcs, archive->entry.crc);
	return err;
}

/* ---- steps ----------------------------------------------------------------------- */

static int begin_index(struct archive *archive, struct error *error)
{
	archive->step = archive->format->has_index ? STEP_INDEX : STEP_END;
	archive->index_at = archive->made;
	archive->count = 0;
	return folder_tree_rewind(&archive->tree, error);
}

static int make_entry(struct archive *archive, struct error *error)
{
	int result = folder_tree_next(&archive->tree, error);
	if (result <= 0)
		return result < 0 ? result : begin_index(archive, error);
	name_entry(archive);
	archive->entry.at = archive->made;
	archive->unit = 0;
	archive->step = STEP_CONTENT;
	int err = archive->format->wants_crc ? sum_content(archive, error) : 0;
	archive->format->put_head(&archive->out, &archive->entry);
	return err;
}

static void end_content(struct archive *archive)
{
	uint64_t len = content_len(archive, archive->entry.row);
	static const char zeros[512];
	buffer_put(&archive->out, zeros, archive->format->padding(len));
	archive->step = STEP_ENTRY;
}

static int make_content(struct archive *archive, struct error *error)
{
	const struct row *row = archive->entry.row;
	const uint8_t *bytes;
	if (row->type == ROW_SYMLINK && archive->format->link_has_content)
		buffer_put(&archive->out, row->target, row->target_len);
	if (row->type == ROW_FILE && archive->unit < row->unit_count) {
		int err = load_unit(archive, archive->unit, &bytes, error);
		if (err)
			return err;
		buffer_put(&archive->out, bytes, row->units[archive->unit++].key.len);
	}
	if (row->type != ROW_FILE || archive->unit == row->unit_count)
		end_content(archive);
	return 0;
}

static uint32_t crc_of(const struct archive *archive, uint64_t number)
{
	struct reader in = reader_of(archive->crcs.at + number * 4, 4);
	return reader_u32(&in);
}

/* How long head, content and padding of an entry were. */
static uint64_t entry_len(struct archive *archive)
{
	struct buffer head AUTO(buffer_fini) = {0};
	uint64_t len = content_len(archive, archive->entry.row);
	archive->format->put_head(&head, &archive->entry);
	return head.len + len + archive->format->padding(len);
}

static int make_index(struct archive *archive, struct error *error)
{
	int result = folder_tree_next(&archive->tree, error);
	if (result <= 0) {
		archive->step = STEP_END;
		return result;
	}
	name_entry(archive);
	archive->entry.at = archive->index_next;
	archive->entry.crc = crc_of(archive, archive->count++);
	archive->index_next += entry_len(archive);
	archive->format->put_index(&archive->out, &archive->entry);
	return 0;
}

static int make_some(struct archive *archive, struct error *error)
{
	size_t before = archive->out.len;
	int err = 0;
	switch (archive->step) {
	case STEP_ENTRY:
		err = make_entry(archive, error);
		break;
	case STEP_CONTENT:
		err = make_content(archive, error);
		break;
	case STEP_INDEX:
		err = make_index(archive, error);
		break;
	default:
		archive->format->put_end(&archive->out, archive->index_at,
					 archive->made - archive->index_at,
					 archive->count);
		archive->step = STEP_DONE;
	}
	archive->made += archive->out.len - before;
	return err;
}

/* ---- sending --------------------------------------------------------------------- */

static ssize_t send_some(void *context, uint64_t at, char *ret_bytes, size_t room)
{
	struct archive *archive = context;
	struct error error = {0};
	int err = 0;
	(void)at;
	if (archive->sent == archive->out.len) {
		archive->sent = 0;
		buffer_clear(&archive->out);
	}
	while (err == 0 && archive->step != STEP_DONE &&
	       archive->out.len - archive->sent < room)
		err = make_some(archive, &error);
	if (err) {
		/* So that nobody takes a part for the whole. */
		log_line(archive->services->log, LOG_ERROR, "http", "%s", error.text);
		return MHD_CONTENT_READER_END_WITH_ERROR;
	}
	size_t len = archive->out.len - archive->sent;
	len = len < room ? len : room;
	memcpy(ret_bytes, archive->out.at + archive->sent, len);
	archive->sent += len;
	return len > 0 ? (ssize_t)len : MHD_CONTENT_READER_END_OF_STREAM;
}

/* Goes through all entries, reads no content: the archive's length. ERR_CONFLICT. */
static int measure(struct archive *archive, uint64_t *ret_len, struct error *error)
{
	struct buffer part AUTO(buffer_fini) = {0};
	uint64_t entries_len = 0, index_len = 0, count = 0;
	int result;
	while ((result = folder_tree_next(&archive->tree, error)) == 1) {
		if (archive->tree.row.conflict)
			return folder_tree_tell_conflict(&archive->tree, error);
		name_entry(archive);
		archive->entry.at = entries_len;
		entries_len += entry_len(archive);
		buffer_clear(&part);
		if (archive->format->has_index)
			archive->format->put_index(&part, &archive->entry);
		index_len += part.len;
		count++;
	}
	buffer_clear(&part);
	archive->format->put_end(&part, entries_len, index_len, count);
	*ret_len = entries_len + index_len + part.len;
	return result < 0 ? result : folder_tree_rewind(&archive->tree, error);
}

/* ---- the answer ------------------------------------------------------------------ */

static int open_archive(struct archive *archive, struct http_request *request,
			const struct route *route, uint64_t *ret_len, struct error *error)
{
	bool bad = false;
	struct text folder = http_request_query(request, "path", &bad);
	while (folder.len > 0 && folder.at[folder.len - 1] == '/')
		folder.len--;
	if (bad || (folder.len > 0 && !path_valid(folder.at, folder.len)))
		return error_set(error, ERR_USAGE, "path: is the path of a folder");
	archive->services = request->services;
	archive->format = text_is(route->format, "zip") ? &archive_zip : &archive_tar;
	archive->folder = must_memdup(folder.at, folder.len);
	content_frames_init(request->services->store, &archive->frames);
	int err = http_request_take_memory(request, &archive->memory, error);
	if (err)
		return err;
	err = folder_tree_open(&archive->tree, request->services, &archive->subject,
			       (struct text){archive->folder, folder.len}, error);
	return err ? err : measure(archive, ret_len, error);
}

static void put_disposition(struct MHD_Response *response, const struct route *route)
{
	char value[80];
	struct text name = route->layer.len ? route->layer : text_of("workspace");
	(void)snprintf(value, sizeof(value), "attachment; filename=\"%.*s.%s\"",
		       (int)name.len, name.at, route->format.at);
	answer_header(response, MHD_HTTP_HEADER_CONTENT_DISPOSITION, value);
}

enum MHD_Result archive_send(struct http_request *request, struct subject *subject,
			     const struct route *route)
{
	struct error error = {0};
	uint64_t len = 0;
	struct archive *archive = must_calloc(1, sizeof(*archive));
	archive->subject = *subject;
	*subject = (struct subject){0};
	if (open_archive(archive, request, route, &len, &error)) {
		archive_free(archive);
		return answer_error(request, &error);
	}
	struct MHD_Response *response = MHD_create_response_from_callback(
		len, BLOCK_LEN, send_some, archive, archive_free);
	if (!response) {
		archive_free(archive);
		return MHD_NO;
	}
	answer_header(response, MHD_HTTP_HEADER_CONTENT_TYPE,
		      archive->format->media_type);
	answer_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "private, no-cache");
	put_disposition(response, route);
	return answer_queue(request, MHD_HTTP_OK, response);
}
