#include "client/select/own.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "proto/base/cleanup.h"
#include "proto/base/error.h"

static void add(struct own_places *places, struct own_place place)
{
	claim(places->count < OWN_PLACES_MAX);
	places->items[places->count++] = place;
}

/* The numbers are the daemon's machine's, which need not be this one where its socket was
 * forwarded: so a file is asked for as well. */
void own_places_add_data(struct own_places *places, const uint64_t *numbers, size_t count)
{
	places->data = numbers;
	places->data_count = count;
	if (count >= 2)
		add(places, (struct own_place){numbers[0], numbers[1], OWN_STORE_WHAT,
					       "catalogue.db"});
}

void own_places_add_records(struct own_places *places, const char *folder)
{
	struct stat status;
	if (folder && stat(folder, &status) == 0)
		add(places, (struct own_place){status.st_dev, status.st_ino,
					       "folder of baton's stat records", NULL});
}

const char *own_places_what(const struct own_places *places, uint64_t device,
			    uint64_t inode, int fd)
{
	for (size_t i = 0; places && i < places->count; i++) {
		const struct own_place *place = &places->items[i];
		if (place->device == device && place->inode == inode &&
		    (fd < 0 || !place->holds ||
		     faccessat(fd, place->holds, F_OK, 0) == 0 || errno == EACCES))
			return place->what;
	}
	return NULL;
}

bool own_places_is_store(int fd)
{
	static const char begin[] = "batond store ";
	char text[sizeof(begin) - 1];
	int file AUTO_FD =
		openat(fd, OWN_STORE_FILE,
		       O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	return file >= 0 && read(file, text, sizeof(text)) == (ssize_t)sizeof(text) &&
	       memcmp(text, begin, sizeof(text)) == 0;
}

static bool is_one(const struct own_places *places, size_t first, size_t end,
		   const struct stat *status)
{
	for (size_t i = first; places && i + 1 < end && i + 1 < places->data_count;
	     i += 2)
		if (places->data[i] == status->st_dev &&
		    places->data[i + 1] == status->st_ino)
			return true;
	return false;
}

bool own_places_is_data(const struct own_places *places, const struct stat *status)
{
	return is_one(places, 0, 2, status);
}

bool own_places_holds_data(const struct own_places *places, const struct stat *status)
{
	return is_one(places, 2, SIZE_MAX, status);
}

int own_places_look(const struct own_places *places, int parent_fd, const char *name,
		    int fd, struct stat *ret_status, const char **ret_what)
{
	int number = errno;
	int looked = fd < 0 ? fstatat(parent_fd, name, ret_status, AT_SYMLINK_NOFOLLOW)
			    : fstat(fd, ret_status);
	if (looked < 0)
		return -1;
	*ret_what = own_places_what(places, ret_status->st_dev, ret_status->st_ino, fd);
	errno = number;
	return fd < 0 && !*ret_what ? -1 : 0;
}
