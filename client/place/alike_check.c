/* Which entries of a whole view would be one on the destination's file system. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "client/place/alike.h"
#include "proto/base/array.h"
#include "proto/base/cleanup.h"

struct key_slot {
	uint64_t key;
	uint32_t child; /* and 1; 0: free */
};

struct alike_check {
	struct places *places;           /* borrowed */
	const struct alike_names *names; /* borrowed */
	bool missing;                    /* DIR is */
	/* The directory that is looked at: its entries, and a table of them by key. */
	uint32_t directory;
	bool is_there;
	uint32_t *children; /* owned */
	size_t count, room;
	struct key_slot *slots; /* owned; a power of two */
	size_t slot_count, slot_room;
};

static void check_fini(struct alike_check *check)
{
	free(check->children);
	free(check->slots);
}

static const char *name_at(const struct alike_check *check, size_t child)
{
	return view_table_name(check->places->table, check->children[child]);
}

static void list_children(struct alike_check *check, uint32_t directory)
{
	const struct view_table *table = check->places->table;
	uint32_t end = view_table_end(table, directory);
	check->count = 0;
	for (uint32_t at = directory + 1; at < end; at = view_table_end(table, at)) {
		array_make_room(check->children, check->count, check->room);
		check->children[check->count++] = at;
	}
}

/* ---- which names are worth asking about ---- */

static unsigned char lower(unsigned char byte)
{
	return byte >= 'A' && byte <= 'Z' ? (unsigned char)(byte + 32) : byte;
}

/* Names of ASCII that some file system takes for one have one key; nothing is decided by
 * it. FNV-1a. */
static uint64_t key_of(const char *name)
{
	size_t len = strlen(name);
	while (len > 1 && (name[len - 1] == '.' || name[len - 1] == ' '))
		len--;
	uint64_t key = UINT64_C(0xcbf29ce484222325);
	for (size_t i = 0; i < len; i++)
		key = (key ^ lower((unsigned char)name[i])) * UINT64_C(0x100000001b3);
	return key;
}

static bool is_ascii(const char *name)
{
	while (*name && !((unsigned char)*name & 0x80))
		name++;
	return !*name;
}

static void clear_slots(struct alike_check *check)
{
	check->slot_count = 8;
	while (check->slot_count < 2 * check->count)
		check->slot_count *= 2;
	array_reserve(check->slots, check->slot_count, check->slot_room);
	memset(check->slots, 0, check->slot_count * sizeof(*check->slots));
}

/* The first child with this one's key, which may be itself. */
static size_t first_with_key(struct alike_check *check, size_t child)
{
	uint64_t key = key_of(name_at(check, child));
	size_t at = key & (check->slot_count - 1);
	for (; check->slots[at].child; at = (at + 1) & (check->slot_count - 1))
		if (check->slots[at].key == key)
			return check->slots[at].child - 1;
	check->slots[at] = (struct key_slot){.key = key, .child = (uint32_t)child + 1};
	return child;
}

/* ---- asking what is there ---- */

static bool is_one(int fd, const char *name, const char *other)
{
	struct stat stat;
	return fstatat(fd, name, &stat, AT_SYMLINK_NOFOLLOW) == 0 &&
	       alike_is(fd, other, &stat) &&
	       !(alike_lists(fd, name) && alike_lists(fd, other));
}

/* Borrowed; -1: it is not there. Of most directories it is not needed. */
static int open_fd(const struct alike_check *check)
{
	return check->is_there ? places_fd(check->places, 0, check->directory) : -1;
}

/* Looks at pairs with one key. *ret_suspicious: there are some. */
static int compare_pairs(struct alike_check *check, bool *ret_suspicious,
			 struct error *error)
{
	clear_slots(check);
	for (size_t i = 0; i < check->count; i++) {
		size_t first = first_with_key(check, i);
		if (first == i)
			continue;
		*ret_suspicious = true;
		int fd = open_fd(check);
		if (fd >= 0 && is_one(fd, name_at(check, first), name_at(check, i)))
			return alike_error(check->places, check->children[first],
					   check->children[i], error);
	}
	return 0;
}

/* ---- asking by trial ---- */

/* A child that cannot be made beside those before it: which of them is in its way. */
static size_t find_twin(const struct alike_check *check, int trial_fd, size_t child)
{
	struct stat stat;
	size_t at = 0;
	if (fstatat(trial_fd, name_at(check, child), &stat, AT_SYMLINK_NOFOLLOW) != 0)
		return at;
	while (at < child && !alike_is(trial_fd, name_at(check, at), &stat))
		at++;
	return at < child ? at : 0;
}

/* Makes all names of the directory in one of a stage. A name that the file system does
 * not take at all is not for here to say. */
static int try_names(struct alike_check *check, int stage_fd, struct error *error)
{
	int trial AUTO_FD = alike_open_trial(stage_fd);
	int err = 0;
	for (size_t i = 0; trial >= 0 && !err && i < check->count; i++)
		if (alike_try(trial, name_at(check, i)) != 0 && errno == EEXIST)
			err = alike_error(check->places,
					  check->children[find_twin(check, trial, i)],
					  check->children[i], error);
	for (size_t i = 0; trial >= 0 && i < check->count; i++)
		(void)unlinkat(trial, name_at(check, i), 0);
	(void)unlinkat(stage_fd, ALIKE_TRIAL, AT_REMOVEDIR);
	return err;
}

/* ---- the whole view ---- */

static int check_directory(struct alike_check *check, uint32_t directory,
			   struct error *error)
{
	struct places *places = check->places;
	const struct mount *mount = places_mount(places, directory);
	check->directory = directory;
	check->is_there = !check->missing && place_of(places, directory) == PLACE_KEPT;
	if (!check->is_there && !mount->folds)
		return 0;
	list_children(check, directory);
	bool suspicious = false;
	int err = compare_pairs(check, &suspicious, error);
	for (size_t i = 0; mount->folds && !suspicious && i < check->count; i++)
		suspicious = !is_ascii(name_at(check, i));
	int stage_fd = check->missing ? places->root_fd : mount->stage.fd;
	if (!err && mount->folds && suspicious && stage_fd >= 0)
		err = try_names(check, stage_fd, error);
	return err || !check->is_there ? err
				       : alike_met(places, check->names, directory,
						   check->children, check->count, error);
}

int alike_check(struct places *places, bool missing, const struct alike_names *names,
		struct error *error)
{
	struct alike_check check AUTO(check_fini) = {
		.places = places, .missing = missing, .names = names};
	int err = 0;
	for (uint32_t at = 0; !err && at < places->table->entry_count; at++)
		if (places->table->entries[at].type == ROW_DIRECTORY)
			err = check_directory(&check, at, error);
	return err;
}

/* ---- all of it, at the end ---- */

struct seen_entry {
	dev_t device;
	ino_t inode;
	uint32_t entry;
};

static int compare_seen(const void *a, const void *b)
{
	const struct seen_entry *first = a;
	const struct seen_entry *second = b;
	if (first->inode != second->inode)
		return first->inode < second->inode ? -1 : 1;
	return (first->device > second->device) - (first->device < second->device);
}

static int see_all(struct alike_check *check, int fd, struct seen_entry *ret_seen,
		   struct error *error)
{
	struct stat stat;
	for (size_t i = 0; i < check->count; i++) {
		uint32_t entry = check->children[i];
		if (fd < 0 ||
		    fstatat(fd, name_at(check, i), &stat, AT_SYMLINK_NOFOLLOW) != 0)
			return places_error(check->places, entry, errno,
					    "is not where it was put", error);
		ret_seen[i] = (struct seen_entry){stat.st_dev, stat.st_ino, entry};
	}
	return 0;
}

static int look_again_in(struct alike_check *check, uint32_t directory,
			 struct error *error)
{
	const struct view_table *table = check->places->table;
	list_children(check, directory);
	int fd = places_fd(check->places, 0, directory);
	struct seen_entry *seen AUTO_FREE = must_calloc(check->count + 1, sizeof(*seen));
	int err = see_all(check, fd, seen, error);
	if (err)
		return err;
	qsort(seen, check->count, sizeof(*seen), compare_seen);
	for (size_t i = 1; i < check->count; i++)
		if (compare_seen(&seen[i - 1], &seen[i]) == 0 &&
		    is_one(fd, view_table_name(table, seen[i - 1].entry),
			   view_table_name(table, seen[i].entry)))
			return alike_error(check->places, seen[i - 1].entry,
					   seen[i].entry, error);
	return 0;
}

int alike_look_again(struct places *places, struct error *error)
{
	struct alike_check check AUTO(check_fini) = {.places = places};
	int err = 0;
	for (uint32_t at = 0; !err && at < places->table->entry_count; at++)
		if (places->table->entries[at].type == ROW_DIRECTORY)
			err = look_again_in(&check, at, error);
	return err;
}
