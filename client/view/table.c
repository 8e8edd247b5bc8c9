#include "client/view/table.h"

#include <stdlib.h>
#include <string.h>

#include "proto/base/array.h"
#include "proto/base/cleanup.h"
#include "proto/base/escape.h"
#include "proto/path/path.h"

struct open_directory {
	uint32_t entry;
	uint32_t path_len;
};

/* Bytes of the names before a target or a name would no longer be found by 32 bits. */
#define NAMES_LEN_MAX (UINT32_MAX - PATH_LEN_MAX)

void view_table_init(struct view_table *table)
{
	*table = (struct view_table){.entry_count = 1, .entry_room = 64};
	table->entries = must_calloc(table->entry_room, sizeof(*table->entries));
	table->entries[VIEW_ROOT] = (struct view_entry){
		.type = ROW_DIRECTORY, .implied = true, .mode = 0777, .end = 1};
	buffer_put_u8(&table->names, 0);
}

void view_table_fini(struct view_table *table)
{
	free(table->entries);
	free(table->units);
	free(table->open);
	buffer_fini(&table->names);
	buffer_fini(&table->path);
	*table = (struct view_table){0};
}

/* ---- adding ---- */

static int too_large(struct error *error)
{
	return error_set(error, ERR_LIMIT,
			 "the view: more than one attach can take; use "
			 "--only or --from to take less");
}

static uint32_t put_name(struct view_table *table, const char *name, size_t len)
{
	uint32_t at = (uint32_t)table->names.len;
	buffer_put(&table->names, name, len);
	buffer_put_u8(&table->names, 0);
	return at;
}

/* Appends an entry of the innermost open directory. */
static struct view_entry *put_entry(struct view_table *table, const char *name,
				    size_t name_len)
{
	if (table->entry_count == table->entry_room) {
		table->entry_room += table->entry_room / 2;
		table->entries = must_realloc(
			table->entries, table->entry_room * sizeof(*table->entries));
	}
	struct view_entry *entry = &table->entries[table->entry_count++];
	*entry = (struct view_entry){
		.parent = table->open_count ? table->open[table->open_count - 1].entry
					    : VIEW_ROOT,
		.name = put_name(table, name, name_len),
		.first_unit = table->unit_count,
	};
	return entry;
}

/* The latest entry is a directory that what follows may be in. */
static void open_directory(struct view_table *table, const char *path, size_t path_len)
{
	array_make_room(table->open, table->open_count, table->open_room);
	buffer_clear(&table->path);
	buffer_put(&table->path, path, path_len);
	table->open[table->open_count++] = (struct open_directory){
		.entry = table->entry_count - 1, .path_len = (uint32_t)path_len};
}

static void close_directories(struct view_table *table, const char *path, size_t len)
{
	while (table->open_count > 0) {
		struct open_directory *last = &table->open[table->open_count - 1];
		if (path_below(path, len, (char *)table->path.at, last->path_len))
			return;
		table->entries[last->entry].end = table->entry_count;
		table->open_count--;
	}
}

/* Makes entries for the directories of path that have none, and returns where its last
 * component begins. */
static size_t imply_directories(struct view_table *table, const char *path, size_t len)
{
	size_t start = 0;
	if (table->open_count > 0)
		start = table->open[table->open_count - 1].path_len + 1;
	const char *slash;
	while ((slash = memchr(path + start, '/', len - start)) != NULL) {
		size_t end = (size_t)(slash - path);
		struct view_entry *entry = put_entry(table, path + start, end - start);
		entry->type = ROW_DIRECTORY;
		entry->mode = 0777;
		entry->implied = true;
		open_directory(table, path, end);
		start = end + 1;
	}
	return start;
}

static void put_units(struct view_table *table, const struct row *row)
{
	if (table->unit_room - table->unit_count < row->unit_count) {
		size_t room = table->unit_room + table->unit_room / 2 + row->unit_count;
		table->unit_room = room < UINT32_MAX ? (uint32_t)room : UINT32_MAX;
		table->units = must_realloc(table->units,
					    table->unit_room * sizeof(*table->units));
	}
	uint64_t offset = 0;
	for (size_t i = 0; i < row->unit_count; i++) {
		table->units[table->unit_count++] =
			(struct view_unit){.name = row->units[i],
					   .entry = table->entry_count - 1,
					   .offset = offset};
		offset += row->units[i].key.len;
	}
}

int view_table_add(struct view_table *table, const struct row *row, struct error *error)
{
	if (table->names.len > NAMES_LEN_MAX || table->entry_count >= LAYER_ROWS_MAX ||
	    row->unit_count > UINT32_MAX - 1 - table->unit_count)
		return too_large(error);
	close_directories(table, row->path, row->path_len);
	size_t start = imply_directories(table, row->path, row->path_len);
	struct view_entry *entry =
		put_entry(table, row->path + start, row->path_len - start);
	entry->type = row->type;
	entry->mode = row->mode;
	entry->seconds = row->time.seconds;
	entry->nanoseconds = row->time.nanoseconds;
	if (row->type == ROW_DIRECTORY)
		open_directory(table, row->path, row->path_len);
	if (row->type == ROW_SYMLINK)
		(void)put_name(table, row->target, row->target_len);
	if (row->type == ROW_FILE) {
		entry->unit_count = (uint32_t)row->unit_count;
		put_units(table, row);
	}
	return 0;
}

void view_table_finish(struct view_table *table)
{
	for (size_t i = 0; i < table->open_count; i++)
		table->entries[table->open[i].entry].end = table->entry_count;
	table->entries[VIEW_ROOT].end = table->entry_count;
	free(take_ptr(&table->open));
	table->open_count = table->open_room = 0;
	buffer_fini(&table->path);
}

/* ---- reading ---- */

const char *view_table_name(const struct view_table *table, uint32_t entry)
{
	return (const char *)table->names.at + table->entries[entry].name;
}

const char *view_table_target(const struct view_table *table, uint32_t entry)
{
	const char *name = view_table_name(table, entry);
	return name + strlen(name) + 1;
}

uint64_t view_table_size(const struct view_table *table, uint32_t entry)
{
	const struct view_entry *file = &table->entries[entry];
	if (file->unit_count == 0)
		return 0;
	const struct view_unit *last =
		&table->units[file->first_unit + file->unit_count - 1];
	return last->offset + last->name.key.len;
}

uint32_t view_table_end(const struct view_table *table, uint32_t entry)
{
	const struct view_entry *at = &table->entries[entry];
	return at->type == ROW_DIRECTORY ? at->end : entry + 1;
}

char *view_table_path(const struct view_table *table, uint32_t entry)
{
	size_t len = 0;
	for (uint32_t at = entry; at != VIEW_ROOT; at = table->entries[at].parent)
		len += strlen(view_table_name(table, at)) + 1;
	char *path = must_alloc(len + 1);
	size_t end = len > 0 ? len - 1 : 0;
	path[end] = '\0';
	for (uint32_t at = entry; at != VIEW_ROOT; at = table->entries[at].parent) {
		const char *name = view_table_name(table, at);
		size_t name_len = strlen(name);
		memcpy(path + end - name_len, name, name_len);
		end -= name_len;
		if (end > 0)
			path[--end] = '/';
	}
	return path;
}

char *view_table_shown(const struct view_table *table, uint32_t entry)
{
	if (entry == VIEW_ROOT)
		return must_strdup(".");
	char *path AUTO_FREE = view_table_path(table, entry);
	return escape_encode(path, strlen(path));
}
