#include "client/select/link.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/select/select_link.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "proto/base/escape.h"
#include "proto/bounds.h"
#include "proto/path/path.h"

static int fail(const struct tree_link *link, int number, struct error *error)
{
	char target[LINK_TARGET_LEN_MAX + 1];
	ssize_t len = readlinkat(link->fd, link->name, target, LINK_TARGET_LEN_MAX);
	char *path AUTO_FREE = escape_encode(link->path.path, link->path.len);
	char *to AUTO_FREE = escape_encode(target, len < 0 ? 0 : (size_t)len);
	if (number == ENOENT || number == ENOTDIR)
		return error_set(error, ERR_LOCAL,
				 "`%s`: cannot be followed: it leads to `%s`, where "
				 "nothing is; leave it out with --exclude, or store the "
				 "link without --follow",
				 path, to);
	if (number == ELOOP)
		return error_set(error, ERR_LOCAL,
				 "`%s`: cannot be followed: it leads to `%s`, and from "
				 "there in a circle; leave it out with --exclude, or "
				 "store the link without --follow",
				 path, to);
	return error_set_errno(error, ERR_LOCAL, number,
			       "`%s`: cannot be followed to `%s`", path, to);
}

int tree_link_follow(const struct tree_link *link, unsigned char *ret_type,
		     struct error *error)
{
	struct stat status;
	if (fstatat(link->fd, link->name, &status, 0) < 0)
		return fail(link, errno, error);
	*ret_type = (unsigned char)IFTODT(status.st_mode);
	return 0;
}

/* ---- what it leaves out ---- */

/* Appends the target's components to the link's directory; false: they lead out of the
 * root. ".." takes the last component away, whatever it is. */
static bool resolve(struct named link, const char *target, struct buffer *out)
{
	buffer_put(out, link.path, path_parent_len(link.path, link.len));
	while (*target) {
		size_t len = strcspn(target, "/");
		bool climbs = len == 2 && memcmp(target, "..", 2) == 0;
		if (climbs && out->len == 0)
			return false;
		if (climbs)
			out->len = path_parent_len((const char *)out->at, out->len);
		else if (len > 0 && !path_is_dots(target, len)) {
			buffer_put(out, "/", out->len > 0);
			buffer_put(out, target, len);
		}
		target += len;
		target += strspn(target, "/");
	}
	return true;
}

enum link_end tree_link_end(const struct tree_link *link, const char *target,
			    const struct selection *selection)
{
	struct stat status;
	if (fstatat(link->fd, link->name, &status, 0) < 0)
		return errno == ENOENT || errno == ENOTDIR || errno == ELOOP
			       ? LINK_NOWHERE
			       : LINK_STORED; /* nobody here can tell */
	struct buffer path AUTO(buffer_fini) = {0};
	if (*target == '/' || !resolve(link->path, target, &path))
		return LINK_LEFT_OUT;
	struct named leads_to = {.path = (const char *)path.at,
				 .len = path.len,
				 .is_dir = S_ISDIR(status.st_mode)};
	return selection_takes(selection, leads_to) ? LINK_STORED : LINK_LEFT_OUT;
}

/* ---- saying so ---- */

void links_left_out_add(struct links_left_out *links, enum link_end end, const char *path,
			size_t len, const char *target)
{
	if (links->of[end].count++ > 0)
		return;
	links->of[end].path = escape_encode(path, len);
	links->of[end].target = escape_encode(target, strlen(target));
}

char *links_left_out_text(const struct links_left_out *links, enum link_end end)
{
	static const char *const says[LINK_ENDS][2] = {
		[LINK_LEFT_OUT] = {"not what it leads to",
				   "; use --follow to store that"},
		[LINK_NOWHERE] = {"and nothing is where it leads to", ""},
	};
	char more[64] = "";
	char *text = NULL;
	if (links->of[end].count == 0)
		return NULL;
	if (links->of[end].count > 1)
		(void)snprintf(more, sizeof(more), " (and %" PRIu64 " more)",
			       links->of[end].count - 1);
	claim(asprintf(&text, "`%s`: only the link is stored, %s, `%s`%s%s",
		       links->of[end].path, says[end][0], links->of[end].target,
		       says[end][1], more) > 0);
	return text;
}

void links_left_out_fini(struct links_left_out *links)
{
	for (int end = 0; end < LINK_ENDS; end++) {
		free(links->of[end].path);
		free(links->of[end].target);
	}
	*links = (struct links_left_out){0};
}
