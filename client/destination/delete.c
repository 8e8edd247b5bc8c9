/* With delete_extra: what DIR has and the view does not goes away. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "client/destination/internal.h"
#include "proto/base/cleanup.h"
#include "proto/base/escape.h"

/* That it is gone is what is wanted: others may delete at the same time. */
static int delete_one(struct destination *dest, const struct extra *extra)
{
	struct spot home = {.fd = extra->fd, .name = extra->name};
	if (unlinkat(home.fd, home.name, extra->is_dir ? AT_REMOVEDIR : 0) == 0 ||
	    errno == ENOENT)
		return 0;
	if (!extra->is_dir || (errno != ENOTEMPTY && errno != EEXIST))
		return -1;
	const struct mount *mount = places_mount(&dest->places, extra->directory);
	int err = move_to_trash(dest, &home, mount->stage.fd);
	return err && errno == ENOENT ? 0 : err;
}

static int extra_error(const struct destination *dest, const struct extra *extra,
		       int number, struct error *error)
{
	char *shown AUTO_FREE = escape_encode(extra->path, extra->path_len);
	return error_set_errno(error, ERR_LOCAL, number, "`%s/%s`: cannot be deleted",
			       dest->places.shown, shown);
}

/* Nobody can remove it, and what is in it is not DIR's. */
static void leave_mounted(const struct destination *dest, const struct extra *extra)
{
	char *shown AUTO_FREE = escape_encode(extra->path, extra->path_len);
	destination_warn(dest, "`%s/%s`: %s%s; --delete leaves it", dest->places.shown,
			 shown, extra->own ? "it is a " : "something is mounted there",
			 extra->own ? extra->own : "");
}

static int on_delete(void *context, const struct extra *extra, struct error *error)
{
	struct destination *dest = context;
	if (extra->is_mounted) {
		leave_mounted(dest, extra);
		return 0;
	}
	int err = extra->is_direct
			  ? modes_unlock(&dest->modes, extra->directory, 0700, error)
			  : 0;
	if (err)
		return err;
	dest->changed = true;
	if (delete_one(dest, extra) == 0)
		return 0;
	if (errno != EBUSY)
		return extra_error(dest, extra, errno, error);
	leave_mounted(dest, extra);
	return 0;
}

int delete_extras(struct destination *dest, struct error *error)
{
	return each_extra(dest, on_delete, dest, error);
}
