#include "daemon/store/disk/stamp.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "proto/unit/digest.h"

#define NEW_NAME STAMP_NAME ".new"
#define SLOT_VERSION 1u

static const uint8_t slot_magic[8] = {'B', 'A', 'T', 'O', 'N', 'M', 'R', 'K'};

static int local_error(const char *what, struct error *error)
{
	return error_set_errno(error, ERR_LOCAL, errno, "`" STAMP_NAME "`: cannot be %s",
			       what);
}

/* ---- a slot ------------------------------------------------------------------- */

static void slot_encode(const struct stamp_mark *mark, uint8_t ret[STAMP_SLOT_LEN])
{
	struct buffer out AUTO(buffer_fini) = {0};
	buffer_put(&out, slot_magic, sizeof(slot_magic));
	buffer_put_u32(&out, SLOT_VERSION);
	buffer_put_u32(&out, 0);
	buffer_put_u64(&out, mark->store);
	buffer_put_u64(&out, mark->commits);
	buffer_put_u64(&out, xxh64_of(out.at, out.len));
	claim(out.len == STAMP_SLOT_LEN);
	memcpy(ret, out.at, out.len);
}

static bool slot_decode(const uint8_t bytes[STAMP_SLOT_LEN], struct stamp_mark *ret_mark)
{
	struct reader in = reader_of(bytes, STAMP_SLOT_LEN);
	const uint8_t *magic = reader_bytes(&in, sizeof(slot_magic));
	uint32_t version = reader_u32(&in);
	(void)reader_u32(&in);
	struct stamp_mark mark = {.store = reader_u64(&in)};
	mark.commits = reader_u64(&in);
	if (memcmp(magic, slot_magic, sizeof(slot_magic)) != 0 ||
	    version != SLOT_VERSION ||
	    reader_u64(&in) != xxh64_of(bytes, STAMP_SLOT_LEN - 8))
		return false;
	*ret_mark = mark;
	return true;
}

/* ---- the file ----------------------------------------------------------------- */

/* Reads one slot: 1 a sound one, 0 none, -1 and errno. */
static int read_slot(const struct io *io, int fd, unsigned number,
		     struct stamp_mark *ret_mark)
{
	uint8_t bytes[STAMP_SLOT_LEN];
	if (io_read_at(io, fd, bytes, sizeof(bytes), number * STAMP_SLOT_DISTANCE) < 0)
		return errno == 0 ? 0 : -1; /* 0: shorter than that */
	return slot_decode(bytes, ret_mark);
}

static int read_file(const struct io *io, int fd, struct stamp_mark *ret_mark,
		     struct error *error)
{
	struct stamp_mark marks[2] = {{0}, {0}};
	int found[2];
	for (unsigned i = 0; i < 2; i++) {
		found[i] = read_slot(io, fd, i, &marks[i]);
		if (found[i] < 0)
			return local_error("read", error);
	}
	if (!found[0] && !found[1])
		return 0;
	*ret_mark = marks[marks[1].commits > marks[0].commits || !found[0]];
	return 1;
}

int stamp_read(const struct io *io, int directory_fd, struct stamp_mark *ret_mark,
	       struct error *error)
{
	int fd = io_open(io, directory_fd, STAMP_NAME, O_RDONLY | O_NOFOLLOW, 0);
	if (fd < 0)
		return errno == ENOENT ? 0 : local_error("opened", error);
	int found = read_file(io, fd, ret_mark, error);
	(void)io_close(io, fd);
	return found;
}

static bool write_slot(const struct stamp_file *stamp, unsigned number,
		       const struct stamp_mark *mark)
{
	uint8_t bytes[STAMP_SLOT_LEN];
	slot_encode(mark, bytes);
	return io_write_at(stamp->io, stamp->fd, bytes, sizeof(bytes),
			   number * STAMP_SLOT_DISTANCE) == 0;
}

void stamp_put(const struct stamp_file *stamp, const struct stamp_mark *mark)
{
	if (stamp->fd >= 0)
		(void)write_slot(stamp, mark->commits % 2, mark);
}

void stamp_close(struct stamp_file *stamp)
{
	if (stamp->fd >= 0)
		(void)io_close(stamp->io, take_fd(&stamp->fd));
}

/* Makes the file under another name first: it is there whole, or not at all. */
static int create(struct stamp_file *stamp, int directory_fd,
		  const struct stamp_mark *mark, struct error *error)
{
	const struct io *io = stamp->io;
	stamp->fd = io_open(io, directory_fd, NEW_NAME, O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (stamp->fd < 0)
		return local_error("created", error);
	if (write_slot(stamp, 0, mark) && write_slot(stamp, 1, mark) &&
	    io->fdatasync(io->context, stamp->fd) == 0 &&
	    io->rename(io->context, directory_fd, NEW_NAME, STAMP_NAME) == 0 &&
	    io->fsync(io->context, directory_fd) == 0)
		return 0;
	int err = local_error("created", error);
	(void)io->unlink(io->context, directory_fd, NEW_NAME);
	return err;
}

int stamp_open(const struct io *io, int directory_fd, const struct stamp_mark *mark,
	       struct stamp_file *ret_stamp, struct error *error)
{
	struct stamp_file stamp AUTO(stamp_close) = {
		.io = io,
		.fd = io_open(io, directory_fd, STAMP_NAME, O_RDWR | O_NOFOLLOW, 0)};
	*ret_stamp = (struct stamp_file){.fd = -1};
	struct stamp_mark known = {0};
	int err = 0;
	if (stamp.fd < 0 && errno == ENOENT)
		err = create(&stamp, directory_fd, mark, error);
	else if (stamp.fd < 0)
		err = local_error("opened", error);
	else if (read_file(io, stamp.fd, &known, error) < 0)
		err = error->code;
	else if ((known.commits != mark->commits || known.store != mark->store) &&
		 !write_slot(&stamp, mark->commits % 2, mark))
		err = local_error("written", error);
	if (err)
		return err;
	*ret_stamp = stamp;
	stamp.fd = -1;
	return 0;
}
