#include "client/tree/measure.h"

#include <fcntl.h>
#include <sys/stat.h>

void measure_init(struct measure *measure, const struct tree *tree, int root_fd,
		  const struct buffer *is_file)
{
	*measure = (struct measure){.is_file = is_file};
	tree_directory_init(&measure->directory, tree, root_fd);
}

void measure_fini(struct measure *measure)
{
	tree_directory_fini(&measure->directory);
}

static uint64_t size_of(struct measure *measure, uint32_t number)
{
	struct tree_spot spot;
	struct stat status;
	tree_directory_spot(&measure->directory, number, &spot);
	if (fstatat(spot.fd, spot.name, &status, spot.stat_flags) != 0 ||
	    !S_ISREG(status.st_mode))
		return 0;
	return (uint64_t)status.st_size;
}

bool measure_next(struct measure *measure)
{
	while (measure->next < measure->is_file->len &&
	       !measure->is_file->at[measure->next])
		measure->next++;
	if (measure->next == measure->is_file->len)
		return false;
	measure->bytes += size_of(measure, measure->next++);
	measure->files++;
	return true;
}
