/* How many bytes there are to read, for whoever watches: the walk only names files, and
 * those who read them look at each when its turn comes. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/files/beneath.h"
#include "client/upload/internal.h"
#include "proto/base/cleanup.h"
#include "proto/bounds.h"

/* Files between two looks at the wake-up. */
#define CHECK_FILES 256u

/* Files of one directory mostly follow each other. */
struct measuring {
	const struct upload *upload; /* borrowed */
	int directory;               /* owned; -1: none */
	uint32_t directory_entry;
	struct buffer path;
};

static void measuring_fini(struct measuring *measuring)
{
	cleanup_fd_(&measuring->directory);
	buffer_fini(&measuring->path);
}

/* As much of the entry is read as never changes: workers write the rest. What cannot be
 * looked at has no size; reading it will say why. */
static uint64_t size_of(struct measuring *measuring, uint32_t number)
{
	const struct upload *upload = measuring->upload;
	const struct entry *entry = tree_entry(upload->tree, number);
	char name[COMPONENT_LEN_MAX + 1];
	memcpy(name, entry->name, entry->name_len);
	name[entry->name_len] = '\0';
	if (measuring->directory < 0 || measuring->directory_entry != entry->parent) {
		cleanup_fd_(&measuring->directory);
		tree_path(upload->tree, entry->parent, &measuring->path);
		measuring->directory = beneath_open(upload->request->selection->root_fd,
						    (const char *)measuring->path.at,
						    measuring->path.len,
						    O_PATH | O_DIRECTORY, 0);
		measuring->directory_entry = entry->parent;
	}
	struct stat status;
	if (fstatat(measuring->directory, name, &status, AT_SYMLINK_NOFOLLOW) != 0 ||
	    !S_ISREG(status.st_mode))
		return 0;
	return (uint64_t)status.st_size;
}

bool upload_is_small(const struct upload *upload)
{
	struct measuring measuring AUTO(measuring_fini) = {.upload = upload,
							   .directory = -1};
	uint64_t bytes = 0;
	if (upload->is_file.len > UPLOAD_SMALL_ENTRIES)
		return false;
	for (uint32_t i = 0; i < upload->is_file.len && bytes <= UPLOAD_SMALL_LEN; i++)
		bytes += upload->is_file.at[i] ? size_of(&measuring, i) : 0;
	return bytes <= UPLOAD_SMALL_LEN;
}

int upload_measure(struct upload *upload, struct error *error)
{
	struct measuring measuring AUTO(measuring_fini) = {.upload = upload,
							   .directory = -1};
	uint64_t bytes = 0, files = 0;
	for (uint32_t i = 0; i < upload->is_file.len; i++) {
		if (!upload->is_file.at[i])
			continue;
		int rc = files++ % CHECK_FILES == 0 ? upload_check(upload, error) : 0;
		if (rc < 0)
			return rc;
		bytes += size_of(&measuring, i);
	}
	progress_set_total(upload->request->progress, files, bytes);
	return 0;
}
