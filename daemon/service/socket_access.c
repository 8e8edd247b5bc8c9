#include "daemon/service/socket_access.h"

#include <errno.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "proto/options/kind.h"

#define UNIX_SCHEME "unix:"
#define MODE_LEN 4
/* Without these the daemon's own user could not connect. */
#define MODE_LEAST 0600u
#define GROUP_ROOM_MAX ((size_t)1 << 20) /* bytes: of a group with many members */

/* ---- the group ----------------------------------------------------------------------
 */

/* 1: there is a group of that name; 0: there is none. */
static int find_group(const char *name, gid_t *ret_group)
{
	struct group group, *found = NULL;
	char *room AUTO_FREE = NULL;
	int number = ERANGE;
	for (size_t len = 1024; number == ERANGE && len <= GROUP_ROOM_MAX; len *= 2) {
		room = must_realloc(room, len);
		number = getgrnam_r(name, &group, room, len, &found);
	}
	if (!found)
		return 0;
	*ret_group = group.gr_gid;
	return 1;
}

/* The largest number stands for "none" in chown(). */
static int read_number(const char *text, gid_t *ret_group)
{
	if (text[strspn(text, "0123456789")] != '\0')
		return 0;
	errno = 0;
	unsigned long long number = strtoull(text, NULL, 10);
	if (errno || number >= (gid_t)-1)
		return 0;
	*ret_group = (gid_t)number;
	return 1;
}

static int set_group(void *target, const struct option_use *use, struct error *error)
{
	struct address_access *access = option_place(target, use);
	if (use->value[0] == '\0')
		return option_refuse_empty(use, error);
	gid_t group;
	if (!find_group(use->value, &group) && !read_number(use->value, &group))
		return option_refuse(use, "there is no such group", error);
	access->has_group = true;
	access->group = group;
	return 0;
}

/* ---- the mode -----------------------------------------------------------------------
 */

static int set_mode(void *target, const struct option_use *use, struct error *error)
{
	struct address_access *access = option_place(target, use);
	const char *text = use->value;
	if (text[0] != '0' || strlen(text) != MODE_LEN ||
	    strspn(text, "01234567") != MODE_LEN)
		return option_refuse(use, "not four octal digits such as 0660", error);
	mode_t mode = (mode_t)strtoul(text, NULL, 8);
	if ((mode & MODE_LEAST) != MODE_LEAST)
		return option_refuse(
			use, "its owner needs to read and write: 0600 at least", error);
	access->mode = mode;
	return 0;
}

const struct option_kind option_socket_group = {set_group, NULL, false};
const struct option_kind option_socket_mode = {set_mode, NULL, false};

/* ---- whether it means anything ------------------------------------------------------
 */

static bool is_unix(const char *url)
{
	return strncmp(url, UNIX_SCHEME, strlen(UNIX_SCHEME)) == 0;
}

int socket_access_check(const struct address_access *access,
			const struct string_list *listen, struct error *error)
{
	if (!access->mode && !access->has_group)
		return 0;
	for (size_t i = 0; i < listen->count; i++) {
		if (is_unix(listen->items[i]))
			return 0;
	}
	return error_set(error, ERR_USAGE,
			 "%s: is about Unix sockets, and there is none to listen on",
			 access->has_group ? "socket-group" : "socket-mode");
}

static int check_passed(const struct address_access *access, const char *url,
			struct error *error)
{
	struct stat stat_of;
	if (!is_unix(url) || stat(url + strlen(UNIX_SCHEME), &stat_of) < 0)
		return 0;
	bool same_mode = !access->mode || access->mode == (stat_of.st_mode & 07777);
	bool same_group = !access->has_group || access->group == stat_of.st_gid;
	if (same_mode && same_group)
		return 0;
	return error_set(error, ERR_USAGE,
			 "%s: %s is said to be another, but the service manager opened "
			 "this socket, with mode %04o and group %u: SocketMode= and "
			 "SocketGroup= of its unit decide (systemctl edit batond.socket)",
			 url, same_mode ? "socket-group" : "socket-mode",
			 stat_of.st_mode & 07777, stat_of.st_gid);
}

int socket_access_check_passed(const struct address_access *access,
			       const struct listen_fds *passed, struct error *error)
{
	int err = 0;
	for (size_t i = 0; err == 0 && i < passed->count; i++)
		err = check_passed(access, passed->items[i].url, error);
	return err;
}
