#include "daemon/store/database/page_sum.h"

#include <endian.h>
#include <string.h>

#include "proto/unit/digest.h"

/* Offsets in the first page (SQLite's "Database File Format", §1.3). */
#define PAGE_LEN_AT 16u
#define RESERVED_LEN_AT 20u
#define USER_VERSION_AT 60u

#define PAGE_SUM_AT (PAGE_LEN - PAGE_SUM_LEN)

bool page_has_sums(const uint8_t *head)
{
	uint16_t page_len;
	memcpy(&page_len, head + PAGE_LEN_AT, sizeof(page_len));
	return be16toh(page_len) == PAGE_LEN && head[RESERVED_LEN_AT] == PAGE_SUM_LEN;
}

static uint64_t sum_of(const uint8_t page[PAGE_LEN], uint32_t number)
{
	return htole64(xxh64_of(page, PAGE_SUM_AT) ^ number);
}

bool page_sums_are_kept(const uint8_t *head)
{
	uint32_t version;
	memcpy(&version, head + USER_VERSION_AT, sizeof(version));
	return page_has_sums(head) && be32toh(version) != VERSION_WITHOUT_SUMS;
}

void page_sum_put(uint8_t page[PAGE_LEN], uint32_t number)
{
	uint64_t sum = sum_of(page, number);
	memcpy(page + PAGE_SUM_AT, &sum, sizeof(sum));
}

bool page_sum_is_right(const uint8_t page[PAGE_LEN], uint32_t number)
{
	uint64_t sum = sum_of(page, number);
	return memcmp(page + PAGE_SUM_AT, &sum, sizeof(sum)) == 0;
}

/* ---- the log --------------------------------------------------------------------- */

/* The two halves of the sum, and the byte order of the words that it adds up. */
struct running_sum {
	uint32_t first, second;
	bool big_endian;
};

static uint32_t word_at(const uint8_t *at, bool big_endian)
{
	uint32_t word;
	memcpy(&word, at, sizeof(word));
	return big_endian ? be32toh(word) : le32toh(word);
}

/* SQLite's "Database File Format", §4.2; `len` is a multiple of 8. */
static void add(struct running_sum *sum, const uint8_t *bytes, size_t len)
{
	for (size_t at = 0; at < len; at += 8) {
		sum->first += word_at(bytes + at, sum->big_endian) + sum->second;
		sum->second += word_at(bytes + at + 4, sum->big_endian) + sum->first;
	}
}

bool log_is_big_endian(const uint8_t header[LOG_HEADER_LEN])
{
	return header[3] & 1;
}

uint32_t log_frame_page(const uint8_t header[LOG_FRAME_HEADER_LEN])
{
	return word_at(header, true);
}

/* Whatever words it adds up, a sum is stored as two big-endian ones. */
void log_frame_sum(const uint8_t header[LOG_FRAME_HEADER_LEN],
		   const uint8_t page[PAGE_LEN], const uint8_t before[LOG_SUM_LEN],
		   bool big_endian, uint8_t ret_sum[LOG_SUM_LEN])
{
	struct running_sum sum = {word_at(before, true), word_at(before + 4, true),
				  big_endian};
	add(&sum, header, 8);
	add(&sum, page, PAGE_LEN);
	uint32_t words[] = {htobe32(sum.first), htobe32(sum.second)};
	memcpy(ret_sum, words, LOG_SUM_LEN);
}

bool log_frame_is_right(const uint8_t header[LOG_FRAME_HEADER_LEN],
			const uint8_t page[PAGE_LEN], const uint8_t before[LOG_SUM_LEN],
			bool big_endian)
{
	uint8_t sum[LOG_SUM_LEN];
	log_frame_sum(header, page, before, big_endian, sum);
	return memcmp(header + LOG_FRAME_SUM_AT, sum, LOG_SUM_LEN) == 0;
}
