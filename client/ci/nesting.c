#include "client/ci/nesting.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"

/* Jobs are a few processes deep; Linux gives a program 2 MiB for its environment. */
#define ANCESTORS_MAX 64
#define ENVIRONMENT_LEN_MAX (4u << 20)
#define READ_LEN 16384u

/* The content of a file of a process, with a NUL behind it; false: not to be had. */
static bool read_process(pid_t pid, const char *name, struct buffer *content)
{
	char path[64];
	(void)snprintf(path, sizeof(path), "/proc/%ld/%s", (long)pid, name);
	int fd AUTO_FD = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got = -1;
	buffer_clear(content);
	while (fd >= 0 && content->len < ENVIRONMENT_LEN_MAX) {
		buffer_reserve(content, READ_LEN);
		got = read(fd, content->at + content->len, READ_LEN);
		if (got <= 0)
			break;
		content->len += (size_t)got;
	}
	buffer_put_u8(content, '\0');
	return got == 0;
}

/* 0: it has none that can be seen. */
static pid_t parent_of(pid_t pid)
{
	struct buffer stat AUTO(buffer_fini) = {0};
	if (!read_process(pid, "stat", &stat))
		return 0;
	/* "pid (name) state parent …", and the name may hold parentheses */
	const char *behind = strrchr((const char *)stat.at, ')');
	char state;
	int parent;
	if (!behind || sscanf(behind, ") %c %d", &state, &parent) != 2)
		return 0;
	return parent;
}

/* Whether the entries, each ended by a NUL, have the system's marker as this process
 * has it. */
static bool has_marker(const struct buffer *environment, const struct ci_system *system)
{
	size_t name_len = strlen(system->marker);
	const char *at = (const char *)environment->at;
	const char *end = at + environment->len;
	for (; at < end; at += strlen(at) + 1) {
		if (strncmp(at, system->marker, name_len) == 0 && at[name_len] == '=')
			return strcmp(at + name_len + 1, getenv(system->marker)) == 0;
	}
	return false;
}

/* The first of the systems that the environment does not have, and how many those are. */
static size_t count_absent(const struct buffer *environment,
			   const struct ci_system *const *found, size_t count,
			   const struct ci_system **ret_first)
{
	size_t absent = 0;
	for (size_t i = 0; i < count; i++) {
		if (has_marker(environment, found[i]))
			continue;
		if (absent++ == 0)
			*ret_first = found[i];
	}
	return absent;
}

const struct ci_system *ci_nesting_innermost(const struct ci_system *const *found,
					     size_t count, bool *ret_certain)
{
	const struct ci_system *first = found[0];
	struct buffer environment AUTO(buffer_fini) = {0};
	size_t absent = 0;
	pid_t pid = getppid();
	for (int i = 0; i < ANCESTORS_MAX && pid > 0 && absent == 0; i++) {
		if (!read_process(pid, "environ", &environment))
			break;
		absent = count_absent(&environment, found, count, &first);
		pid = parent_of(pid);
	}
	*ret_certain = absent == 1;
	return first;
}
