#include "daemon/store/database/vfs_internal.h"

#include <string.h>

#include "daemon/store/database/page_sum.h"

/* ---- reading ---------------------------------------------------------------------- */

static int damaged(struct vfs *vfs, uint32_t page, bool in_log)
{
	vfs->damaged_page = page;
	vfs->damaged_in_log = in_log;
	return SQLITE_IOERR_DATA;
}

/* What a first page says, in the database or in its log. */
static void note_head(struct vfs *vfs, const uint8_t *head)
{
	vfs->has_sums = page_has_sums(head);
	vfs->keeps_sums = page_sums_are_kept(head);
}

static bool is_page(size_t amount, int64_t offset)
{
	return amount == PAGE_LEN && offset % PAGE_LEN == 0;
}

/* SQLite reads the head of the first page before it knows whether the log has a newer
 * one, and believes nothing of it when it has read the whole. It may be half written. */
int vfs_read_database(struct vfs_file *file, uint8_t *ret_data, size_t amount,
		      int64_t offset)
{
	struct vfs *vfs = file->vfs;
	int code = vfs_read_bytes(file, ret_data, amount, offset);
	if (code != SQLITE_OK && code != SQLITE_IOERR_SHORT_READ)
		return code;
	if (offset == 0 && amount >= PAGE_HEAD_LEN)
		note_head(vfs, ret_data);
	if (!vfs->keeps_sums || !is_page(amount, offset))
		return code;
	uint32_t number = (uint32_t)(offset / PAGE_LEN + 1);
	if (code == SQLITE_OK && page_sum_is_right(ret_data, number))
		return SQLITE_OK;
	return damaged(vfs, number, false);
}

/* With a page its frame's header, and the sum of what stands before that. Where a log
 * begins anew, it does so from its first frame, so that what stands before is valid too.
 */
static int read_log_page(const struct vfs_file *file, uint8_t ret_page[PAGE_LEN],
			 int64_t offset)
{
	int64_t frame_at = offset - (int64_t)LOG_FRAME_HEADER_LEN;
	int64_t before_at = frame_at == LOG_HEADER_LEN
				    ? (int64_t)LOG_HEADER_SUM_AT
				    : frame_at - LOG_FRAME_LEN + LOG_FRAME_SUM_AT;
	uint8_t before[LOG_SUM_LEN];
	uint8_t header[LOG_FRAME_HEADER_LEN];
	int code = vfs_read_bytes(file, before, sizeof(before), before_at);
	if (code == SQLITE_OK)
		code = vfs_read_bytes(file, header, sizeof(header), frame_at);
	if (code == SQLITE_OK)
		code = vfs_read_bytes(file, ret_page, PAGE_LEN, offset);
	if (code != SQLITE_OK && code != SQLITE_IOERR_SHORT_READ)
		return code;
	uint32_t number = log_frame_page(header);
	if (code != SQLITE_OK ||
	    !log_frame_is_right(header, ret_page, before, file->big_endian))
		return damaged(file->vfs, number, true);
	if (number == 1)
		note_head(file->vfs, ret_page);
	return SQLITE_OK;
}

/* Whole frames are read while SQLite looks for the log's end, and verified by it. */
int vfs_read_log(struct vfs_file *file, uint8_t *ret_data, size_t amount, int64_t offset)
{
	int64_t in_frame = (offset - (int64_t)LOG_HEADER_LEN) % LOG_FRAME_LEN;
	if (amount == PAGE_LEN && in_frame == LOG_FRAME_HEADER_LEN)
		return read_log_page(file, ret_data, offset);
	int code = vfs_read_bytes(file, ret_data, amount, offset);
	if (offset == 0 && amount >= LOG_HEADER_LEN)
		file->big_endian = log_is_big_endian(ret_data);
	return code;
}

/* ---- writing ---------------------------------------------------------------------- */

/* A page that leaves the log for the database. */
static int write_page(const struct vfs_file *file, const uint8_t *page, int64_t offset)
{
	struct vfs *vfs = file->vfs;
	if (offset == 0)
		note_head(vfs, page);
	if (!vfs->has_sums)
		return vfs_write_bytes(file, page, PAGE_LEN, offset);
	uint8_t copy[PAGE_LEN];
	memcpy(copy, page, PAGE_LEN);
	page_sum_put(copy, (uint32_t)(offset / PAGE_LEN + 1));
	return vfs_write_bytes(file, copy, PAGE_LEN, offset);
}

int vfs_write_database(const struct vfs_file *file, const uint8_t *data, size_t amount,
		       int64_t offset)
{
	if (is_page(amount, offset))
		return write_page(file, data, offset);
	return vfs_write_bytes(file, data, amount, offset);
}

int vfs_write_log(struct vfs_file *file, const uint8_t *data, size_t amount,
		  int64_t offset)
{
	if (offset == 0 && amount >= LOG_HEADER_LEN)
		file->big_endian = log_is_big_endian(data);
	return vfs_write_bytes(file, data, amount, offset);
}

/* ---- what was found ---------------------------------------------------------------- */

void vfs_verify_pages(struct vfs *vfs)
{
	vfs->verifies = true;
}

bool vfs_has_page_sums(const struct vfs *vfs)
{
	return vfs->has_sums;
}

bool vfs_keeps_page_sums(const struct vfs *vfs)
{
	return vfs->keeps_sums;
}

uint32_t vfs_damaged_page(const struct vfs *vfs, bool *ret_in_log)
{
	*ret_in_log = vfs->damaged_in_log;
	return vfs->damaged_page;
}
