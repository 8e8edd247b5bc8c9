/* What is there under another name. */
#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "client/place/alike.h"
#include "client/place/listing.h"
#include "proto/base/cleanup.h"
#include "proto/base/escape.h"
#include "proto/base/memory.h"

/* An entry of the view, and what lies where it belongs. */
struct meeting {
	struct places *places;           /* borrowed */
	const struct alike_names *names; /* borrowed */
	uint32_t entry;
	int fd; /* borrowed; of the directory */
	struct stat there;
	const char *listed; /* borrowed: how the directory lists it */
};

/* Whether the directory finds the name when its letters are of the other case. */
static bool ignores_case(int fd, const char *name)
{
	char *other AUTO_FREE = must_strdup(name);
	struct stat stat;
	for (char *at = other; *at; at++)
		if ((*at >= 'A' && *at <= 'Z') || (*at >= 'a' && *at <= 'z'))
			*at ^= 0x20;
	return strcmp(other, name) != 0 &&
	       fstatat(fd, name, &stat, AT_SYMLINK_NOFOLLOW) == 0 &&
	       alike_is(fd, other, &stat);
}

/* Whether names are listed as they were made. */
static bool keeps_spelling(int stage_fd, const char *name)
{
	int trial AUTO_FD = alike_open_trial(stage_fd);
	bool keeps = trial >= 0 && alike_try(trial, name) == 0 &&
		     alike_lists(trial, name);
	if (trial >= 0)
		(void)unlinkat(trial, name, 0);
	(void)unlinkat(stage_fd, ALIKE_TRIAL, AT_REMOVEDIR);
	return keeps;
}

/* What is listed with a capital letter is called so, wherever names are listed in small
 * letters. */
static bool has_capital(const char *name)
{
	while (*name && !(*name >= 'A' && *name <= 'Z'))
		name++;
	return *name;
}

/* Whether what is there is listed as it was called. */
static bool is_called_so(const struct meeting *meeting)
{
	const struct view_table *table = meeting->places->table;
	uint32_t parent = table->entries[meeting->entry].parent;
	int stage_fd = places_mount(meeting->places, parent)->stage.fd;
	return has_capital(meeting->listed) ||
	       (stage_fd >= 0 &&
		keeps_spelling(stage_fd, view_table_name(table, meeting->entry)));
}

static bool is_replaced(const struct places *places, uint32_t entry)
{
	return is_marked(places, entry, MARK_REPLACE | MARK_OBSTACLE | MARK_TRASH);
}

/* other: what it is called; borrowed. */
static void note_kept(const struct meeting *meeting, const char *other)
{
	struct alike_findings *findings = meeting->names->findings;
	if (findings->kept++ > 0)
		return;
	findings->first_kept = meeting->entry;
	findings->first_kept_name = must_strdup(other);
}

static void note_unsure(const struct meeting *meeting)
{
	struct alike_findings *findings = meeting->names->findings;
	if (findings->unsure++ == 0)
		findings->first_unsure = meeting->entry;
}

static int refuse(const struct meeting *meeting, const char *other, struct error *error)
{
	char *path AUTO_FREE = places_shown(meeting->places, meeting->entry);
	char *shown AUTO_FREE = escape_encode(other, strlen(other));
	return error_set(error, ERR_LOCAL,
			 "`%s`: `%s` lies there, the same name on this file system; "
			 "move it away",
			 path, shown);
}

/* How the directory lists what is there; NULL: not at all. A name that differs in case
 * alone is not looked up: some kernels remember what was found under it. */
static const char *listed_as(const struct meeting *meeting, const struct listing *listing)
{
	const char *name = view_table_name(meeting->places->table, meeting->entry);
	for (size_t i = 0; i < listing->count; i++)
		if (strcasecmp(listing->names[i], name) == 0)
			return listing->names[i];
	for (size_t i = 0; i < listing->count; i++)
		if (alike_is(meeting->fd, listing->names[i], &meeting->there))
			return listing->names[i];
	return NULL;
}

/* What a name that is not listed stands for is called otherwise where names are listed as
 * they were made. Elsewhere an earlier attach may have put it there. */
static int meet_listed(const struct meeting *meeting, struct error *error)
{
	const char *name = view_table_name(meeting->places->table, meeting->entry);
	char *called AUTO_FREE =
		is_called_so(meeting)
			? must_strdup(meeting->listed)
			: meeting->names->called(meeting->names->context, meeting->entry,
						 meeting->fd, &meeting->there);
	if (called && strcmp(called, name) == 0)
		return 0;
	if (is_replaced(meeting->places, meeting->entry) && called)
		return refuse(meeting, called, error);
	if (is_replaced(meeting->places, meeting->entry))
		note_unsure(meeting);
	else if (called)
		note_kept(meeting, called);
	return 0;
}

/* An entry that is not listed under its name. */
static int meet(struct meeting *meeting, const struct listing *listing,
		struct error *error)
{
	const char *name = view_table_name(meeting->places->table, meeting->entry);
	if (fstatat(meeting->fd, name, &meeting->there, AT_SYMLINK_NOFOLLOW) != 0)
		return 0;
	meeting->listed = listed_as(meeting, listing);
	return meeting->listed ? meet_listed(meeting, error) : 0;
}

static bool is_met(const struct places *places, uint32_t entry)
{
	return place_of(places, entry) == PLACE_KEPT || is_replaced(places, entry);
}

static bool is_fuse(int fd)
{
	struct statfs status;
	return fstatfs(fd, &status) == 0 && status.f_type == FUSE_SUPER_MAGIC;
}

/* The first child that something is there for, or is replaced; count: none. */
static size_t first_met(const struct places *places, const uint32_t *children,
			size_t count, bool is_only_replaced)
{
	size_t at = 0;
	while (at < count &&
	       !(is_only_replaced ? is_replaced : is_met)(places, children[at]))
		at++;
	return at;
}

/* Whether the names that this directory lists are worth reading: of a mount without a
 * stage, where nothing is replaced, one name tells for all; one that takes none for
 * another may have a folder of its own kind (ext4). What is looked up in another case
 * stays in the kernel's memory for a second where FUSE is, and is wrong there once the
 * file is replaced; so nothing is. */
static bool may_fold(struct places *places, struct mount *mount, uint32_t directory,
		     uint32_t child)
{
	int fd = mount->folds ? -1 : places_fd(places, 0, directory);
	if (mount->folds || (mount->stage.fd < 0 && is_fuse(fd)))
		return true;
	bool found = ignores_case(fd, view_table_name(places->table, child));
	if (mount->stage.fd < 0)
		mount->folds = found;
	mount->is_tried = true;
	return found;
}

int alike_met(struct places *places, const struct alike_names *names, uint32_t directory,
	      const uint32_t *children, size_t count, struct error *error)
{
	struct mount *mount = places_mount(places, directory);
	size_t first =
		first_met(places, children, count, mount->stage.fd >= 0 && !mount->folds);
	struct listing listing AUTO(listing_fini) = {0};
	if (first == count || (mount->is_tried && mount->stage.fd < 0 && !mount->folds) ||
	    !may_fold(places, mount, directory, children[first]))
		return 0;
	int fd = places_fd(places, 0, directory);
	if (fd < 0 || listing_read(&listing, fd) != 0)
		return 0;
	int err = 0;
	for (size_t i = first; !err && i < count; i++) {
		struct meeting meeting = {
			.places = places, .names = names, .entry = children[i], .fd = fd};
		if (is_met(places, children[i]) &&
		    !listing_has(&listing, view_table_name(places->table, children[i])))
			err = meet(&meeting, &listing, error);
	}
	return err;
}
