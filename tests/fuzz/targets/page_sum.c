/*
 * Pages of a database and of its log, as SQLite asks for them by way of vfs.c: see
 * catalogue.c. Here the sums alone: what was put is right, and nothing else is.
 */
#include "daemon/store/database/page_sum.h"

#include <string.h>

#include "proto/base/error.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint8_t page[PAGE_LEN] = {0}, header[LOG_FRAME_HEADER_LEN] = {0};
	uint8_t before[LOG_SUM_LEN], sum[LOG_SUM_LEN];
	memcpy(page, data, len < PAGE_LEN ? len : PAGE_LEN);
	memcpy(header, page, sizeof(header));
	memcpy(before, page + 100, sizeof(before));
	bool big_endian = log_is_big_endian(page + 200);
	uint32_t number = log_frame_page(header);
	(void)page_has_sums(page);
	claim(!page_sums_are_kept(page) || page_has_sums(page));
	(void)page_sum_is_right(page, number);
	page_sum_put(page, number);
	claim(page_sum_is_right(page, number) && !page_sum_is_right(page, number ^ 1));
	(void)log_frame_is_right(header, page, before, big_endian);
	log_frame_sum(header, page, before, big_endian, sum);
	memcpy(header + LOG_FRAME_SUM_AT, sum, sizeof(sum));
	claim(log_frame_is_right(header, page, before, big_endian));
	return 0;
}
