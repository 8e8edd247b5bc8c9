#include "daemon/store/segment/damage.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/store/segment/segment.h"
#include "proto/base/array.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "proto/unit/digest.h"

#define FILE_NAME "damaged"
/* "SEGMENT OFFSET\n", both in hexadecimal digits. */
#define OFFSET_DIGITS 16
#define LINE_LEN (SEGMENT_ID_TEXT_SIZE - 1 + 1 + OFFSET_DIGITS + 1)

struct mark {
	struct segment_id segment;
	uint64_t offset;
};

struct damage {
	const struct io *io; /* borrowed */
	int directory_fd;    /* borrowed */
	pthread_mutex_t mutex;
	struct mark *marks; /* owned; ascending */
	size_t room;
	_Atomic size_t count; /* changed with the mutex alone */
};

/* ---- marks -------------------------------------------------------------------- */

static int compare(const struct mark *a, const struct mark *b)
{
	int order = segment_id_compare(&a->segment, &b->segment);
	return order ? order : (a->offset > b->offset) - (a->offset < b->offset);
}

/* The first one that is not before it. */
static size_t position_of(const struct damage *damage, const struct mark *mark)
{
	size_t low = 0, high = damage->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (compare(&damage->marks[middle], mark) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool is_at(const struct damage *damage, size_t position, const struct mark *mark)
{
	return position < damage->count && compare(&damage->marks[position], mark) == 0;
}

static bool add_locked(struct damage *damage, const struct mark *mark)
{
	size_t position = position_of(damage, mark);
	size_t count = damage->count;
	if (is_at(damage, position, mark) || count == DAMAGE_MARKS_MAX)
		return false;
	array_make_room(damage->marks, count, damage->room);
	struct mark *at = damage->marks + position;
	memmove(at + 1, at, (count - position) * sizeof(*at));
	*at = *mark;
	damage->count = count + 1;
	return true;
}

bool damage_has(struct damage *damage, const struct segment_id *segment, uint64_t offset)
{
	if (damage->count == 0)
		return false;
	struct mark mark = {*segment, offset};
	HOLD(&damage->mutex);
	return is_at(damage, position_of(damage, &mark), &mark);
}

bool damage_is_in(struct damage *damage, const struct segment_id *segment)
{
	if (damage->count == 0)
		return false;
	struct mark first = {.segment = *segment};
	HOLD(&damage->mutex);
	size_t position = position_of(damage, &first);
	return position < damage->count &&
	       segment_id_equal(&damage->marks[position].segment, segment);
}

size_t damage_count(const struct damage *damage)
{
	return damage->count;
}

bool damage_add(struct damage *damage, const struct segment_id *segment, uint64_t offset)
{
	HOLD(&damage->mutex);
	return add_locked(damage, &(struct mark){*segment, offset});
}

/* ---- the file ----------------------------------------------------------------- */

static void put_line(const struct mark *mark, char ret_line[LINE_LEN + 1])
{
	char text[SEGMENT_ID_TEXT_SIZE];
	(void)snprintf(ret_line, LINE_LEN + 1, "%s %016" PRIx64 "\n",
		       segment_id_text(&mark->segment, text), mark->offset);
}

/* Behind the lines that are there; one that was cut short is written over. */
static void append_line(struct damage *damage, const struct mark *mark)
{
	const struct io *io = damage->io;
	char line[LINE_LEN + 1];
	put_line(mark, line);
	int fd = io_open(io, damage->directory_fd, FILE_NAME,
			 O_RDWR | O_CREAT | O_NOFOLLOW, 0600);
	if (fd < 0)
		return;
	int64_t size = io->size(io->context, fd);
	uint64_t end = size < 0 ? 0 : (uint64_t)size / LINE_LEN * LINE_LEN;
	if (size >= 0 && io_write_at(io, fd, line, LINE_LEN, end) == 0)
		(void)io->fdatasync(io->context, fd);
	(void)io_close(io, fd);
}

/* Ordered as in memory, so over other lines too: who is stopped in the middle of it has
 * lost marks that a check finds again, and nothing else. */
static int write_all(const struct damage *damage, int fd)
{
	const struct io *io = damage->io;
	for (size_t i = 0; i < damage->count; i++) {
		char line[LINE_LEN + 1];
		put_line(&damage->marks[i], line);
		if (io_write_at(io, fd, line, LINE_LEN, i * LINE_LEN) < 0)
			return -1;
	}
	if (io->ftruncate(io->context, fd, (off_t)(damage->count * LINE_LEN)) < 0 ||
	    io->fdatasync(io->context, fd) < 0)
		return -1;
	return io->fsync(io->context, damage->directory_fd);
}

int damage_keep(struct damage *damage, struct error *error)
{
	const struct io *io = damage->io;
	HOLD(&damage->mutex);
	int fd = io_open(io, damage->directory_fd, FILE_NAME,
			 O_RDWR | O_CREAT | O_NOFOLLOW, 0600);
	bool kept = fd >= 0 && write_all(damage, fd) == 0;
	int number = errno;
	if (fd >= 0 && io_close(io, fd) < 0 && kept) {
		kept = false;
		number = errno;
	}
	if (kept)
		return 0;
	return error_set_errno(error, ERR_LOCAL, number,
			       "`" FILE_NAME "`: cannot be written");
}

bool damage_mark(struct damage *damage, const struct segment_id *segment, uint64_t offset)
{
	struct mark mark = {*segment, offset};
	HOLD(&damage->mutex);
	if (!add_locked(damage, &mark))
		return false;
	append_line(damage, &mark);
	return true;
}

static bool read_line(const char *line, struct mark *mark)
{
	char id[SEGMENT_ID_TEXT_SIZE];
	const char *offset = line + sizeof(id);
	memcpy(id, line, sizeof(id) - 1);
	id[sizeof(id) - 1] = '\0';
	if (line[sizeof(id) - 1] != ' ' || line[LINE_LEN - 1] != '\n' ||
	    strspn(offset, "0123456789abcdef") != OFFSET_DIGITS ||
	    !hex_decode(id, SEGMENT_ID_LEN, mark->segment.bytes))
		return false;
	mark->offset = strtoull(offset, NULL, 16);
	return true;
}

static int read_marks(struct damage *damage, int fd, struct error *error)
{
	const struct io *io = damage->io;
	int64_t size = io->size(io->context, fd);
	size_t count = size > 0 ? (size_t)size / LINE_LEN : 0;
	if (count > DAMAGE_MARKS_MAX)
		count = DAMAGE_MARKS_MAX;
	char *text AUTO_FREE = must_calloc(count * LINE_LEN + 1, 1);
	if (size < 0 || io_read_at(io, fd, text, count * LINE_LEN, 0) < 0)
		return error_set_errno(error, ERR_LOCAL, errno,
				       "`" FILE_NAME "`: cannot be read");
	struct mark mark;
	for (size_t i = 0; i < count; i++)
		if (read_line(text + i * LINE_LEN, &mark))
			(void)add_locked(damage, &mark);
	return 0;
}

int damage_open(const struct io *io, int directory_fd, struct damage **ret_damage,
		struct error *error)
{
	struct damage *damage = must_calloc(1, sizeof(*damage));
	damage->io = io;
	damage->directory_fd = directory_fd;
	pthread_mutex_init(&damage->mutex, NULL);
	int fd = io_open(io, directory_fd, FILE_NAME, O_RDONLY | O_NOFOLLOW, 0);
	int err = 0;
	if (fd >= 0)
		err = read_marks(damage, fd, error);
	else if (errno != ENOENT)
		err = error_set_errno(error, ERR_LOCAL, errno,
				      "`" FILE_NAME "`: cannot be opened");
	if (fd >= 0)
		(void)io_close(io, fd);
	if (err)
		damage_free(damage);
	else
		*ret_damage = damage;
	return err;
}

void damage_free(struct damage *damage)
{
	if (!damage)
		return;
	free(damage->marks);
	pthread_mutex_destroy(&damage->mutex);
	free(damage);
}
