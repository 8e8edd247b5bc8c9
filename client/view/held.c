#include "client/view/held.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "client/files/beneath.h"
#include "client/record/scout.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"

void view_held_init(struct view_held *held)
{
	*held = (struct view_held){.root_fd = -1};
}

void view_held_open(struct view_held *held, const char *directory)
{
	held->root_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (held->root_fd >= 0)
		held->record = record_open(held->root_fd);
}

void view_held_close(struct view_held *held)
{
	record_close(held->record);
	cleanup_fd_(&held->root_fd);
	view_held_init(held);
}

struct digest view_held_server(const char *server)
{
	return sha256_of(server, strlen(server));
}

static void name_view(struct view_held *held, const struct record_view *view)
{
	held->tags[held->named_count] =
		(struct text){(const char *)view->tag.bytes, SHA256_LEN};
	held->named[held->named_count++] = view;
}

/* All that the record has is looked at: not worth it for a small part of a large one. */
#define FEW_ENTRIES 1024u

static bool is_most_of(const struct record_view *view, const struct record *record)
{
	const struct totals *totals = &view->totals;
	uint64_t rows = totals->files + totals->directories + totals->symlinks;
	uint32_t count = record_count(record);
	return count <= FEW_ENTRIES || rows >= count / 2;
}

/* That a base is what its tag says the digest proves; of another view only the daemon
 * that gave it may say so: another one could have given anything under that tag. */
struct text_list view_held_tags(struct view_held *held, const char *server)
{
	struct digest here = view_held_server(server);
	size_t count = 0;
	const struct record_view *views = NULL;
	if (held->record)
		views = record_views(held->record, &count);
	for (size_t i = 0; i < count; i++)
		if ((views[i].is_base || digest_equal(&views[i].server, &here)) &&
		    is_most_of(&views[i], held->record))
			name_view(held, &views[i]);
	return (struct text_list){.items = held->tags, .count = held->named_count};
}

/* The view of that tag; NULL: none was named. */
static const struct record_view *find_view(const struct view_held *held,
					   const struct digest *tag)
{
	for (size_t i = 0; i < held->named_count; i++)
		if (digest_equal(&held->named[i]->tag, tag))
			return held->named[i];
	return NULL;
}

static bool is_there(const struct record_scout *scout, const struct record_view *view)
{
	uint32_t count = record_count(scout->record);
	for (uint32_t entry = 1; entry < count; entry++) {
		struct record_name name = record_name_of(scout->record, entry);
		uint8_t enough = name.type == ROW_DIRECTORY ? SCOUT_DIRECTORY
							    : SCOUT_HOLDS;
		if (record_view_has(view, &name) &&
		    !record_scout_saw(scout, entry, enough))
			return false;
	}
	return true;
}

/* ---- whether there is nothing else ---- */

/* A directory without a row is in the view only through a row below it. */
static bool is_in_view(const struct record *record, const struct record_view *view,
		       uint32_t entry)
{
	struct record_name name = record_name_of(record, entry);
	if (!view->is_base || name.in_base)
		return record_view_has(view, &name);
	uint32_t end = record_end(record, entry);
	while (++entry < end)
		if (record_name_of(record, entry).in_base)
			return true;
	return false;
}

/* In one directory of the record. */
struct children {
	uint32_t all, in_view;
};

static struct children count_children(const struct record *record,
				      const struct record_view *view, uint32_t directory)
{
	struct children children = {0};
	uint32_t end = record_end(record, directory);
	for (uint32_t at = directory + 1; at < end; at = record_end(record, at)) {
		children.all++;
		children.in_view += is_in_view(record, view, at);
	}
	return children;
}

static DIR *open_directory(const struct record_scout *scout, uint32_t directory)
{
	struct buffer path AUTO(buffer_fini) = {0};
	record_path(scout->record, directory, &path);
	int fd AUTO_FD = beneath_open(scout->root_fd, (const char *)path.at, path.len,
				      O_RDONLY | O_DIRECTORY, 0);
	DIR *stream = fd < 0 ? NULL : fdopendir(fd);
	if (stream)
		(void)take_fd(&fd);
	return stream;
}

/* Names in a directory; UINT32_MAX: it cannot be listed. */
static uint32_t count_names(const struct record_scout *scout, uint32_t directory)
{
	DIR *stream AUTO_DIR = open_directory(scout, directory);
	if (!stream)
		return UINT32_MAX;
	uint32_t count = 0;
	struct dirent *found;
	errno = 0;
	while ((found = readdir(stream)) != NULL)
		count += strcmp(found->d_name, ".") != 0 &&
			 strcmp(found->d_name, "..") != 0;
	return errno ? UINT32_MAX : count;
}

/* All that is in the view is there, so that as many names are no others. A listed
 * directory that is as it was has the record's. */
static bool is_alone_in(const struct record_scout *scout, const struct record_view *view,
			uint32_t directory)
{
	struct children children = count_children(scout->record, view, directory);
	if (record_scout_saw(scout, directory, SCOUT_HOLDS) &&
	    record_get(scout->record, directory).listed)
		return children.in_view == children.all;
	return children.in_view == count_names(scout, directory);
}

static bool is_alone(const struct record_scout *scout, const struct record_view *view)
{
	bool alone = is_alone_in(scout, view, 0);
	for (uint32_t entry = 1; alone && entry < record_count(scout->record); entry++)
		if (record_name_of(scout->record, entry).type == ROW_DIRECTORY &&
		    is_in_view(scout->record, view, entry))
			alone = is_alone_in(scout, view, entry);
	return alone;
}

bool view_held_lies_there(const struct view_held *held, struct view_rows *view,
			  bool alone)
{
	const struct record_view *known = find_view(held, &view->tag);
	struct record_scout scout AUTO(record_scout_fini) = {0};
	if (!known)
		return false;
	record_scout_init(&scout, held->record, held->root_fd);
	record_scout_run(&scout, 0, record_count(held->record));
	if (!is_there(&scout, known) || (alone && !is_alone(&scout, known)))
		return false;
	view->digest = known->digest;
	view->totals = known->totals;
	return true;
}
