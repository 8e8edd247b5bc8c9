/* Which files of the right size and mode hold the right bytes: workers take turns. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "client/destination/internal.h"
#include "client/terminal/interrupts.h"
#include "proto/base/cleanup.h"

#define TURN_ENTRIES 64u

static bool read_all(int fd, uint8_t *ret_bytes, size_t len)
{
	while (len > 0) {
		ssize_t got = read(fd, ret_bytes, len);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		ret_bytes += got;
		len -= (size_t)got;
	}
	return true;
}

/* XXH3 finds what differs, SHA-256 decides: collisions can be chosen for the former. */
static bool unit_is_equal(const struct unit_name *name, const uint8_t *bytes)
{
	struct xxh128 xxh = xxh128_of(bytes, name->key.len);
	if (!xxh128_equal(&xxh, &name->key.xxh))
		return false;
	struct digest sha = sha256_of(bytes, name->key.len);
	return digest_equal(&sha, &name->sha);
}

static bool file_is_equal(struct destination *dest, unsigned worker, uint32_t entry,
			  uint8_t *buffer)
{
	const struct view_entry *file = &dest->places.table->entries[entry];
	struct spot home;
	if (places_home(&dest->places, worker, entry, &home) != 0)
		return false;
	int fd AUTO_FD =
		openat(home.fd, home.name,
		       O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat before;
	if (fd < 0 || fstat(fd, &before) != 0 || !S_ISREG(before.st_mode))
		return false;
	bool provable = known_can_prove(&dest->known, entry, &before);
	const struct view_unit *units = dest->places.table->units + file->first_unit;
	for (uint32_t i = 0; i < file->unit_count; i++)
		if (!read_all(fd, buffer, units[i].name.key.len) ||
		    !unit_is_equal(&units[i].name, buffer))
			return false;
	uint8_t more;
	if (read(fd, &more, 1) != 0)
		return false;
	if (provable)
		known_note_kept(&dest->known, entry, &before);
	return true;
}

static void compare_turn(struct destination *dest, unsigned worker, uint32_t first,
			 uint8_t *buffer)
{
	for (uint32_t entry = first; entry < first + TURN_ENTRIES; entry++)
		if (entry < dest->places.table->entry_count &&
		    is_marked(&dest->places, entry, MARK_COMPARE) &&
		    !file_is_equal(dest, worker, entry, buffer))
			destination_replace(dest, entry);
}

static int compare_turns(void *context, unsigned worker, struct error *error)
{
	struct destination *dest = context;
	uint8_t *buffer AUTO_FREE = must_alloc(UNIT_LEN_MAX);
	for (;;) {
		uint32_t first = __atomic_fetch_add(&dest->next_compare, TURN_ENTRIES,
						    __ATOMIC_RELAXED);
		if (first >= dest->places.table->entry_count)
			return 0;
		if (interrupts_pending())
			return error_set(error, ERR_INTERRUPTED, "interrupted");
		compare_turn(dest, worker, first, buffer);
	}
}

int compare_files(struct destination *dest, struct error *error)
{
	bool any = false;
	for (uint32_t entry = 0; entry < dest->places.table->entry_count && !any; entry++)
		any = is_marked(&dest->places, entry, MARK_COMPARE);
	if (!any)
		return 0;
	struct parallel_job job = {.body = compare_turns, .context = dest};
	return parallel_run(&job, error);
}
