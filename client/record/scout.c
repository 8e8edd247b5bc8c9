#include "client/record/scout.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "client/terminal/interrupts.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "proto/machine/parallel.h"

/* Neighbours share most of their path, and the kernel's cache of it. */
#define TURN_ENTRIES 512u

/* The path of the entry looked at: its directory's, with a "/", then its name. */
struct trail {
	const struct record *record; /* borrowed */
	struct buffer path;
	uint32_t directory; /* whose path stands in path; RECORD_NONE at first */
	size_t directory_len;
};

static void trail_fini(struct trail *trail)
{
	buffer_fini(&trail->path);
}

/* Innermost first, then turned round: directories are few beside files. */
static void enter(struct trail *trail, uint32_t directory)
{
	const struct record *record = trail->record;
	size_t len = 0;
	for (uint32_t at = directory; at != 0; at = record_parent(record, at))
		len += record_name_of(record, at).name_len + 1;
	buffer_clear(&trail->path);
	buffer_reserve(&trail->path, len + COMPONENT_LEN_MAX + 1);
	trail->path.len = len;
	trail->directory = directory;
	trail->directory_len = len;
	for (uint32_t at = directory; at != 0; at = record_parent(record, at)) {
		struct record_name entry = record_name_of(record, at);
		trail->path.at[--len] = '/';
		len -= entry.name_len;
		memcpy(trail->path.at + len, entry.name, entry.name_len);
	}
}

static const char *path_of(struct trail *trail, uint32_t number,
			   const struct record_entry *entry)
{
	uint32_t parent = record_parent(trail->record, number);
	if (number == 0)
		return ".";
	if (trail->directory != parent)
		enter(trail, parent);
	trail->path.len = trail->directory_len;
	buffer_put(&trail->path, entry->name, entry->name_len);
	buffer_put_u8(&trail->path, 0);
	return (const char *)trail->path.at;
}

static uint8_t look(const struct record_scout *scout, struct trail *trail,
		    uint32_t number)
{
	struct record_entry entry = record_get(scout->record, number);
	struct stat status;
	if ((!entry.trusted && entry.type != ROW_DIRECTORY) ||
	    fstatat(scout->root_fd, path_of(trail, number, &entry), &status,
		    AT_SYMLINK_NOFOLLOW) != 0)
		return 0;
	uint8_t seen = 0;
	if (record_entry_holds(scout->record, &entry, &status))
		seen |= SCOUT_HOLDS;
	if (entry.type == ROW_DIRECTORY && S_ISDIR(status.st_mode) &&
	    (status.st_mode & 07777) == entry.mode)
		seen |= SCOUT_DIRECTORY;
	return seen;
}

static int look_turns(void *context, unsigned worker, struct error *error)
{
	(void)worker;
	(void)error;
	struct record_scout *scout = context;
	struct trail trail AUTO(trail_fini) = {.record = scout->record,
					       .directory = RECORD_NONE};
	for (;;) {
		uint32_t first =
			__atomic_fetch_add(&scout->next, TURN_ENTRIES, __ATOMIC_RELAXED);
		if (first >= scout->end || interrupts_pending())
			return 0;
		uint32_t left = scout->end - first;
		uint32_t end = first + (left < TURN_ENTRIES ? left : TURN_ENTRIES);
		for (uint32_t at = first; at < end; at++)
			scout->seen[at] = look(scout, &trail, at);
	}
}

void record_scout_init(struct record_scout *scout, const struct record *record,
		       int root_fd)
{
	*scout = (struct record_scout){
		.record = record,
		.root_fd = root_fd,
		.seen = must_calloc(record_count(record), 1),
	};
}

void record_scout_run(struct record_scout *scout, uint32_t first, uint32_t end)
{
	scout->next = first;
	scout->end = end;
	struct parallel_job job = {.body = look_turns, .context = scout};
	struct error ignored;
	if (first < end)
		(void)parallel_run(&job, &ignored);
}

void record_scout_fini(struct record_scout *scout)
{
	free(scout->seen);
	*scout = (struct record_scout){0};
}
