#include "tests/harness/scratch.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "proto/base/error.h"

static const char *place(void)
{
	const char *place = getenv("TMPDIR");
	if (place && *place)
		return place;
	return access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
}

char *scratch_new(void)
{
	char *path = NULL;
	claim(asprintf(&path, "%s/baton-test-XXXXXX", place()) > 0);
	claim(mkdtemp(path) != NULL);
	return path;
}

static int remove_one(const char *path, const struct stat *status, int type,
		      struct FTW *walk)
{
	(void)status;
	(void)type;
	(void)walk;
	return remove(path);
}

void scratch_free(char *path)
{
	if (path)
		claim(nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS) == 0);
	free(path);
}

void scratch_fini(char **path)
{
	scratch_free(*path);
	*path = NULL;
}
