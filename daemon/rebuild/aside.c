#include "daemon/rebuild/aside.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/store/recovery.h"
#include "proto/base/cleanup.h"

#define SCRATCH "rebuilt"
#define ASIDE_MAX 1000u

/* What knows of a catalogue, in the order in which it goes: its log alone is none. */
static const char *const parts[] = {"catalogue.db", "catalogue.db-wal", "stamp", "clean"};
#define PART_COUNT (sizeof(parts) / sizeof(*parts))

void aside_fini(struct aside *aside)
{
	free(aside->scratch);
}

static int failed(const struct aside *aside, const char *name, const char *what,
		  struct error *error)
{
	return error_set_errno(error, ERR_LOCAL, errno, "`%s/%s`: cannot be %s",
			       aside->store->directory, name, what);
}

static bool is_there(int fd, const char *name)
{
	struct stat status;
	return fstatat(fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0;
}

/* What an earlier call left behind. */
static int empty(const struct aside *aside, const char *name, struct error *error)
{
	const struct store *store = aside->store;
	int fd AUTO_FD = openat(store->directory_fd, name,
				O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return failed(aside, name, "opened", error);
	for (size_t i = 0; i < PART_COUNT; i++)
		if (unlinkat(fd, parts[i], 0) < 0 && errno != ENOENT)
			return failed(aside, name, "emptied", error);
	return 0;
}

int aside_make(struct aside *aside, struct error *error)
{
	const struct store *store = aside->store;
	if (mkdirat(store->directory_fd, SCRATCH, 0700) < 0 && errno != EEXIST)
		return failed(aside, SCRATCH, "created", error);
	claim(asprintf(&aside->scratch, "%s/" SCRATCH, store->directory) > 0);
	return empty(aside, SCRATCH, error);
}

int aside_make_into(struct aside *aside, const char *directory, struct error *error)
{
	aside->scratch = must_strdup(directory);
	if (mkdir(directory, 0700) < 0 && errno != EEXIST)
		return error_set_errno(error, ERR_LOCAL, errno, "`%s`: cannot be created",
				       directory);
	int fd AUTO_FD = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return error_set_errno(error, ERR_LOCAL, errno, "`%s`: cannot be opened",
				       directory);
	for (size_t i = 0; i < PART_COUNT; i++)
		if (is_there(fd, parts[i]))
			return error_set(error, ERR_DENIED,
					 "`%s/%s`: is there already; name an empty "
					 "directory",
					 directory, parts[i]);
	return 0;
}

/* ---- exchanging ------------------------------------------------------------------- */

static int make_name(const struct aside *aside, char *ret_name, size_t room,
		     struct error *error)
{
	for (unsigned i = 1; i <= ASIDE_MAX; i++) {
		(void)snprintf(ret_name, room, "catalogue.old-%u", i);
		if (mkdirat(aside->store->directory_fd, ret_name, 0700) == 0)
			return 0;
		if (errno != EEXIST)
			break;
	}
	return failed(aside, ret_name, "created", error);
}

static int sync_directory(const struct aside *aside, const char *name,
			  struct error *error)
{
	const struct store *store = aside->store;
	int fd = io_open(store->io, store->directory_fd, name, O_RDONLY | O_DIRECTORY, 0);
	if (fd >= 0 && store->io->fsync(store->io->context, fd) == 0 &&
	    io_close(store->io, fd) == 0)
		return 0;
	return failed(aside, name, "synced", error);
}

enum order {
	OUT,
	IN, /* the catalogue last: what belongs to it is there when it is */
};

/* Each part that is there, from one directory to another, both below the store's. */
static int move_parts(const struct aside *aside, enum order order, const char *from,
		      const char *to, struct error *error)
{
	const struct store *store = aside->store;
	for (size_t i = 0; i < PART_COUNT; i++) {
		const char *part = parts[order == OUT ? i : PART_COUNT - 1 - i];
		char source[96], target[96];
		(void)snprintf(source, sizeof(source), "%s/%s", from, part);
		(void)snprintf(target, sizeof(target), "%s/%s", to, part);
		if (is_there(store->directory_fd, source) &&
		    store->io->rename(store->io->context, store->directory_fd, source,
				      target) < 0)
			return failed(aside, source, "moved", error);
	}
	int err = sync_directory(aside, to, error);
	return err ? err : sync_directory(aside, from, error);
}

static bool has_old(const struct aside *aside)
{
	for (size_t i = 0; i < PART_COUNT; i++)
		if (is_there(aside->store->directory_fd, parts[i]))
			return true;
	return false;
}

int aside_exchange(struct aside *aside, char *ret_name, size_t room, struct error *error)
{
	int err = recovery_write_format(aside->store, error);
	ret_name[0] = '\0';
	if (!err && has_old(aside)) {
		err = make_name(aside, ret_name, room, error);
		if (!err)
			err = move_parts(aside, OUT, ".", ret_name, error);
	}
	if (!err)
		err = move_parts(aside, IN, SCRATCH, ".", error);
	if (err)
		return err;
	(void)unlinkat(aside->store->directory_fd, SCRATCH, AT_REMOVEDIR);
	return 0;
}
