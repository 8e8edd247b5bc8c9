#include "client/place/listing.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/base/array.h"
#include "proto/base/cleanup.h"
#include "proto/path/path.h"

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void listing_add(struct listing *listing, const char *name)
{
	array_make_room(listing->names, listing->count, listing->room);
	listing->names[listing->count++] = must_strdup(name);
}

int listing_read(struct listing *listing, int directory_fd)
{
	int fd AUTO_FD = openat(directory_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *stream AUTO_DIR = fd < 0 ? NULL : fdopendir(fd);
	if (!stream)
		return -1;
	(void)take_fd(&fd);
	const struct dirent *found;
	while ((errno = 0, found = readdir(stream)) != NULL)
		if (!path_is_dots(found->d_name, strlen(found->d_name)))
			listing_add(listing, found->d_name);
	if (errno != 0)
		return -1;
	if (listing->count > 0)
		qsort(listing->names, listing->count, sizeof(*listing->names),
		      compare_names);
	return 0;
}

bool listing_has(const struct listing *listing, const char *name)
{
	return listing->count > 0 && bsearch(&name, listing->names, listing->count,
					     sizeof(*listing->names), compare_names);
}

void listing_fini(struct listing *listing)
{
	for (size_t i = 0; i < listing->count; i++)
		free(listing->names[i]);
	free(listing->names);
	*listing = (struct listing){0};
}
