#include "daemon/http/resource/folder.h"

#include <string.h>

#include "daemon/http/request/answer.h"
#include "daemon/http/request/page.h"
#include "daemon/http/resource/describe.h"
#include "daemon/http/resource/folder_tree.h"
#include "daemon/store/layer/reader.h"
#include "proto/base/cleanup.h"
#include "proto/base/escape.h"
#include "proto/path/path.h"

#define FOLDER_ENTRIES 1000u

/* ---- the rows of a subject, from a path on ---------------------------------------- */

struct folder_walk {
	const struct subject *subject; /* borrowed */
	struct text folder;            /* borrowed */
	/* Of a layer. Owned. */
	struct layer_scratch *scratch;
	struct layer_reader *reader;
	struct folder_tree tree; /* owned; of a workflow */
	struct merged_row row;   /* the latest; of a layer with its `row` alone */
	struct buffer from;      /* owned; rows before this path are passed over */
};

static void walk_fini(struct folder_walk *walk)
{
	layer_reader_free(walk->reader);
	layer_scratch_free(walk->scratch);
	folder_tree_close(&walk->tree);
	buffer_fini(&walk->from);
}

static int open_layer(struct folder_walk *walk, struct store *store, struct error *error)
{
	const struct subject *subject = walk->subject;
	walk->scratch = layer_scratch_new(store);
	return layer_reader_open(store, subject->history.records[subject->layer].id,
				 walk->scratch, &walk->reader, error);
}

static int walk_open(struct folder_walk *walk, const struct http_request *request,
		     const struct subject *subject, struct text folder,
		     struct error *error)
{
	*walk = (struct folder_walk){.subject = subject, .folder = folder};
	buffer_put(&walk->from, folder.at, folder.len);
	return subject->layer == VIEW_NONE
		       ? folder_tree_open(&walk->tree, request->services, subject, folder,
					  error)
		       : open_layer(walk, request->services->store, error);
}

/* Goes on at the first row that is not before walk->from. */
static int walk_go_on(struct folder_walk *walk, struct error *error)
{
	/* Of a workflow it costs less to read on. */
	return walk->reader && walk->from.len > 0
		       ? layer_reader_skip_to(walk->reader, (const char *)walk->from.at,
					      walk->from.len, error)
		       : 0;
}

/* The next row below the folder, or one behind all of them. */
static int next_row(struct folder_walk *walk, struct error *error)
{
	if (walk->reader)
		return layer_reader_next(walk->reader, &walk->row.row, error);
	int result = folder_tree_next(&walk->tree, error);
	walk->row = walk->tree.row;
	return result;
}

/* The next row below the folder: 1; 0 where there is no more. */
static int walk_next(struct folder_walk *walk, struct error *error)
{
	const struct row *row = &walk->row.row;
	for (;;) {
		int result = next_row(walk, error);
		if (result != 1)
			return result;
		bool below = path_below(row->path, row->path_len, walk->folder.at,
					walk->folder.len);
		if (!below && path_compare(row->path, row->path_len, walk->folder.at,
					   walk->folder.len) > 0)
			return 0;
		if (below &&
		    path_compare(row->path, row->path_len, (const char *)walk->from.at,
				 walk->from.len) >= 0)
			return 1;
	}
}

/* ---- entries --------------------------------------------------------------------- */

/* The component of the row's path that lies directly in the folder. */
static struct text entry_name(const struct folder_walk *walk)
{
	const struct row *row = &walk->row.row;
	size_t begin = walk->folder.len ? walk->folder.len + 1 : 0;
	const char *slash = memchr(row->path + begin, '/', row->path_len - begin);
	return (struct text){row->path + begin,
			     slash ? (size_t)(slash - row->path) - begin
				   : row->path_len - begin};
}

static bool is_entry_itself(const struct folder_walk *walk, struct text name)
{
	return name.at + name.len == walk->row.row.path + walk->row.row.path_len;
}

/* Has the walk pass over all that is below the entry: `/` is less than every other byte,
 * and 1 the least of those. */
static void pass_over(struct folder_walk *walk, struct text name)
{
	struct buffer *from = &walk->from;
	buffer_clear(from);
	buffer_put(from, walk->folder.at, walk->folder.len);
	if (walk->folder.len)
		buffer_put_u8(from, '/');
	buffer_put(from, name.at, name.len);
	buffer_put_u8(from, 1);
}

static const char *type_text(const struct folder_walk *walk, struct text name)
{
	if (!is_entry_itself(walk, name) || walk->row.row.type == ROW_DIRECTORY)
		return "directory";
	return walk->row.row.type == ROW_FILE ? "file" : "symlink";
}

static void put_file(struct json_writer *writer, const struct row *row)
{
	char digest[DIGEST_TEXT_SIZE];
	json_writer_unsigned(writer, "size", row->size);
	/* That of a file in several units is in no manifest. */
	if (row->unit_count == 1)
		json_writer_text(writer, "digest",
				 digest_text(&row->units[0].sha, digest));
}

static void put_row(struct json_writer *writer, const struct row *row)
{
	char mode[8];
	(void)snprintf(mode, sizeof(mode), "%04o", (unsigned)row->mode);
	json_writer_text(writer, "mode", mode);
	describe_time(writer, "modified",
		      row->time.seconds * 1000 + row->time.nanoseconds / 1000000);
	if (row->type == ROW_FILE)
		put_file(writer, row);
	if (row->type == ROW_SYMLINK)
		json_writer_path(writer, "target", row->target, row->target_len);
}

static void put_layer(struct json_writer *writer, const struct folder_walk *walk)
{
	char id[LAYER_ID_TEXT_SIZE];
	if (walk->reader)
		return;
	const struct subject *subject = walk->subject;
	uint32_t layer = subject->view.layers[walk->row.source].layer;
	layer_id_text(subject->history.records[layer].name, id);
	json_writer_text(writer, "layer", id);
	if (walk->row.conflict)
		json_writer_boolean(writer, "conflict", true);
}

static void put_entry(struct json_writer *writer, const struct folder_walk *walk,
		      struct text name)
{
	json_writer_object_begin(writer, NULL);
	json_writer_path(writer, "name", name.at, name.len);
	json_writer_text(writer, "type", type_text(walk, name));
	if (is_entry_itself(walk, name)) {
		put_row(writer, &walk->row.row);
		put_layer(writer, walk);
	}
	json_writer_object_end(writer);
}

/* ---- a page of them -------------------------------------------------------------- */

/* Writes entries until the page is full: 1; 0: these were the last. ret_last: the name of
 * the latest. */
static int put_entries(struct folder_walk *walk, size_t limit, struct json_writer *writer,
		       struct buffer *ret_last, struct error *error)
{
	int result = walk_go_on(walk, error);
	for (size_t count = 0;
	     result == 0 && (result = walk_next(walk, error)) == 1 && count < limit;
	     count++) {
		struct text name = entry_name(walk);
		put_entry(writer, walk, name);
		pass_over(walk, name);
		buffer_clear(ret_last);
		buffer_put(ret_last, name.at, name.len);
		result = walk_go_on(walk, error);
	}
	return result;
}

/* `after` is a name as it stands in the list, escaped. */
static int go_behind(struct folder_walk *walk, struct text after, struct error *error)
{
	size_t len = 0;
	char *name AUTO_FREE = escape_decode(after.at, after.len, &len);
	if (!name || memchr(name, '/', len) || memchr(name, '\0', len))
		return error_set(error, ERR_USAGE,
				 "after: is the `next` of the page before");
	pass_over(walk, (struct text){name, len});
	return 0;
}

static int put_page(struct http_request *request, struct folder_walk *walk,
		    struct json_writer *writer, struct error *error)
{
	struct buffer last AUTO(buffer_fini) = {0};
	struct page page;
	int result = page_read(request, FOLDER_ENTRIES, &page, error);
	if (result == 0 && page.after.len > 0)
		result = go_behind(walk, page.after, error);
	if (result)
		return result;
	json_writer_array_begin(writer, "entries");
	result = put_entries(walk, page.limit, writer, &last, error);
	if (result < 0)
		return result;
	json_writer_array_end(writer);
	if (result == 1)
		json_writer_path(writer, "next", (const char *)last.at, last.len);
	else
		json_writer_null(writer, "next");
	return 0;
}

enum MHD_Result folder_answer(struct http_request *request, const struct subject *subject,
			      struct text path)
{
	struct error error = {0};
	struct folder_walk walk AUTO(walk_fini);
	struct buffer json = {0};
	struct json_writer writer;
	json_writer_init(&writer, &json);
	json_writer_object_begin(&writer, NULL);
	json_writer_path(&writer, "path", path.at, path.len);
	if (walk_open(&walk, request, subject, path, &error) ||
	    put_page(request, &walk, &writer, &error)) {
		buffer_fini(&json);
		return answer_error(request, &error);
	}
	json_writer_object_end(&writer);
	json_writer_line_end(&writer);
	return answer_json(request, &json);
}

int folder_is_there(struct http_request *request, const struct subject *subject,
		    struct text path, struct error *error)
{
	struct folder_walk walk AUTO(walk_fini);
	int result = walk_open(&walk, request, subject, path, error);
	if (result == 0)
		result = walk_go_on(&walk, error);
	return result ? result : walk_next(&walk, error);
}
