/* Another view of the same entries. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "client/record/format.h"
#include "client/record/place.h"
#include "client/record/writer.h"
#include "proto/base/cleanup.h"

static int copy_record(const struct record *record, int fd)
{
	size_t len;
	const uint8_t *bytes = record_bytes(record, &len);
	for (size_t done = 0; done < len;) {
		ssize_t wrote = write(fd, bytes + done, len - done);
		if (wrote < 0 && errno != EINTR)
			return -1;
		done += wrote > 0 ? (size_t)wrote : 0;
	}
	return 0;
}

static void change(const struct record *record, const struct record_view *view,
		   const uint32_t *entries, uint32_t count, uint8_t *bytes)
{
	struct buffer fields AUTO(buffer_fini) = {0};
	record_view_put(view, &fields);
	memcpy(bytes + RECORD_VIEW_AT, fields.at, fields.len);
	for (uint32_t i = 0; i < record_count(record); i++)
		bytes[record_flags_at(record, i)] &= (uint8_t)~RECORD_FLAG_VIEW;
	for (uint32_t i = 0; i < count; i++)
		bytes[record_flags_at(record, entries[i])] |= RECORD_FLAG_VIEW;
}

static void seal(uint8_t *bytes, size_t len)
{
	struct buffer field AUTO(buffer_fini) = {0};
	buffer_put_u64(&field,
		       xxh64_of(bytes + RECORD_CHECKED_AT, len - RECORD_CHECKED_AT));
	memcpy(bytes + RECORD_CHECKSUM_AT, field.at, field.len);
}

/* Through a mapping, so that a large record takes no memory. */
static int write_changed(const struct record *record, const struct record_view *view,
			 const uint32_t *entries, uint32_t count, int fd)
{
	size_t len;
	(void)record_bytes(record, &len);
	if (copy_record(record, fd) != 0)
		return -1;
	uint8_t *bytes = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (bytes == MAP_FAILED)
		return -1;
	change(record, view, entries, count, bytes);
	seal(bytes, len);
	return munmap(bytes, len);
}

int record_write_view(int root_fd, const struct record *record,
		      const struct record_view *view, const uint32_t *entries,
		      uint32_t count)
{
	struct record_place place AUTO(record_place_fini) = {0};
	if (record_place_find(root_fd, &place) != 0)
		return -1;
	int fd AUTO_FD = record_place_create(&place);
	if (fd < 0)
		return -1;
	if (write_changed(record, view, entries, count, fd) == 0 &&
	    close(take_fd(&fd)) == 0 && record_place_publish(&place) == 0)
		return 0;
	int number = errno;
	record_place_discard(&place);
	errno = number;
	return -1;
}
