/*
 * GitHub gives a job no id of its own that its steps can read, but a folder that is empty
 * when the job begins and goes when it ends: the first step that asks leaves a random id
 * there, later ones find it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/ci/ci.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"

#define FILE_NAME "baton-execution"
#define ID_LEN 32u

static bool make_id(char ret_id[ID_LEN + 1])
{
	uint8_t random[ID_LEN / 2];
	if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return false;
	for (size_t i = 0; i < sizeof(random); i++)
		(void)snprintf(ret_id + 2 * i, 3, "%02x", random[i]);
	return true;
}

/* The id in the file; false: there is none, errno is ENOENT where there is no file. */
static bool read_id(int folder, char ret_id[ID_LEN + 1])
{
	int fd AUTO_FD =
		openat(folder, FILE_NAME, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat stat;
	if (fd < 0 || fstat(fd, &stat) < 0)
		return false;
	errno = EINVAL;
	if (!S_ISREG(stat.st_mode) || stat.st_size != ID_LEN ||
	    read(fd, ret_id, ID_LEN) != ID_LEN)
		return false;
	ret_id[ID_LEN] = '\0';
	return strspn(ret_id, "0123456789abcdef") == ID_LEN;
}

/* Writes the id under a name of its own, then gives it the one that others look for, so
 * that nobody reads half of it. Where somebody was first, theirs is there. Everybody may
 * read it: a job's steps may run as several users, in containers for example. */
static bool leave_id(int folder, const char *id)
{
	char name[sizeof(FILE_NAME) + 1 + ID_LEN];
	(void)snprintf(name, sizeof(name), FILE_NAME ".%s", id);
	int fd AUTO_FD = openat(
		folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return false;
	bool left = write(fd, id, ID_LEN) == ID_LEN && fchmod(fd, 0644) == 0 &&
		    (linkat(folder, name, folder, FILE_NAME, 0) == 0 || errno == EEXIST);
	int why = errno;
	(void)unlinkat(folder, name, 0);
	errno = why;
	return left;
}

static bool find_id(const char *path, char ret_id[ID_LEN + 1])
{
	int folder AUTO_FD = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder < 0)
		return false;
	if (read_id(folder, ret_id))
		return true;
	char id[ID_LEN + 1];
	return errno == ENOENT && make_id(id) && leave_id(folder, id) &&
	       read_id(folder, ret_id);
}

void ci_github_execution(struct ci_finding *ret_finding)
{
	const char *path = ci_variable("RUNNER_TEMP");
	if (!path) {
		ret_finding->problem = must_strdup("RUNNER_TEMP is not set");
		return;
	}
	char id[ID_LEN + 1];
	if (find_id(path, id)) {
		ret_finding->value = must_strdup(id);
		ret_finding->origin = must_strdup("RUNNER_TEMP, where it is kept");
		return;
	}
	int why = errno;
	if (asprintf(&ret_finding->problem,
		     "RUNNER_TEMP=%s: the job's id cannot be kept in " FILE_NAME
		     " there: %s",
		     path, strerror(why)) < 0)
		ret_finding->problem = must_strdup("RUNNER_TEMP cannot be used");
}
