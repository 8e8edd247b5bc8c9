#include "client/content/extent.h"

#include <errno.h>
#include <unistd.h>

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static struct extent ask(int fd, uint64_t at, uint64_t size)
{
	struct extent rest = {.begin = at, .end = size};
	off_t data = lseek(fd, (off_t)at, SEEK_DATA);
	/* no data behind it; or the file is shorter now, which its status will tell */
	rest.is_hole = data < 0 && errno == ENXIO;
	if (data < 0)
		return rest;
	if ((uint64_t)data > at)
		return (struct extent){at, least((uint64_t)data, size), true};
	off_t hole = lseek(fd, (off_t)at, SEEK_HOLE);
	if (hole > (off_t)at)
		rest.end = least((uint64_t)hole, size);
	return rest;
}

struct extent extent_at(const struct extent *known, int fd, uint64_t at, uint64_t size)
{
	if (at >= known->begin && at < known->end)
		return *known;
	return ask(fd, at, size);
}
