/* The stamp: a byte that is 0 where the sums of both slots are made right, then the file.
 */
#include "daemon/store/disk/stamp.h"

#include <string.h>

#include "proto/base/cleanup.h"
#include "proto/unit/digest.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/memory_io.h"

#define SUM_LEN 8u

static void mend(uint8_t *slot)
{
	uint64_t sum = xxh64_of(slot, STAMP_SLOT_LEN - SUM_LEN);
	for (unsigned i = 0; i < SUM_LEN; i++)
		slot[STAMP_SLOT_LEN - SUM_LEN + i] = (uint8_t)(sum >> 8 * i);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct memory_io memory AUTO(memory_io_fini);
	const struct io *io = memory_io_init(&memory);
	uint8_t bytes[STAMP_SLOT_DISTANCE + STAMP_SLOT_LEN] = {0};
	struct reader in = reader_of(data, len);
	bool right = reader_u8(&in) == 0;
	/* The bytes are those of both slots, and not what lies between. */
	size_t first = in.left < STAMP_SLOT_LEN ? in.left : STAMP_SLOT_LEN;
	size_t file_len = first;
	reader_copy(&in, bytes, first);
	if (in.left) {
		size_t second = in.left < STAMP_SLOT_LEN ? in.left : STAMP_SLOT_LEN;
		reader_copy(&in, bytes + STAMP_SLOT_DISTANCE, second);
		file_len = STAMP_SLOT_DISTANCE + second;
	}
	if (right) {
		mend(bytes);
		mend(bytes + STAMP_SLOT_DISTANCE);
	}
	(void)memory_io_put(&memory, STAMP_NAME, bytes, file_len);
	struct stamp_mark mark, again;
	struct error error = {0};
	struct stamp_file stamp;
	if (stamp_read(io, MEMORY_DIRECTORY, &mark, &error) != 1)
		return 0;
	claim(stamp_open(io, MEMORY_DIRECTORY, &mark, &stamp, &error) == 0);
	stamp_put(&stamp, &mark);
	stamp_close(&stamp);
	claim(stamp_read(io, MEMORY_DIRECTORY, &again, &error) == 1);
	claim(again.commits == mark.commits);
	return 0;
}
