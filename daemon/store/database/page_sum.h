/*
 * The sums of a database's pages, and of the frames of its log, which show that they are
 * as they were written (FORMAT.md §5). Pure.
 *
 * The first page of a database says whether SQLite leaves 8 bytes at the end of each page
 * alone. They hold XXH3-64 of the bytes before them, XOR the page's number, so that a
 * page in another's place is noticed too. In the log a page stands behind a frame header
 * of SQLite's own, with a sum that goes on from the sum of the frame before.
 */
#ifndef BATON_STORE_DATABASE_PAGE_SUM_H
#define BATON_STORE_DATABASE_PAGE_SUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Every database that has sums has pages of this length. */
#define PAGE_LEN 4096u
#define PAGE_SUM_LEN 8u

/* Under this user_version there are none. */
#define VERSION_WITHOUT_SUMS 2u

/* The next two look at so many bytes of the first page. */
#define PAGE_HEAD_LEN 64u
/* Whether the pages have room for sums. */
bool page_has_sums(const uint8_t *head);
/* Whether the sums that stand there can be believed: not under VERSION_WITHOUT_SUMS,
 * where a program that knows of none may have changed pages and left the sums as they
 * were. */
bool page_sums_are_kept(const uint8_t *head);

/* Numbers begin at 1. */
void page_sum_put(uint8_t page[PAGE_LEN], uint32_t number);
bool page_sum_is_right(const uint8_t page[PAGE_LEN], uint32_t number);

/* Of the log: its header, and of each frame the header and the whole. */
#define LOG_HEADER_LEN 32u
#define LOG_FRAME_HEADER_LEN 24u
#define LOG_FRAME_LEN (LOG_FRAME_HEADER_LEN + PAGE_LEN)
/* Where the sum stands in the log's header, and in a frame's. */
#define LOG_HEADER_SUM_AT 24u
#define LOG_FRAME_SUM_AT 16u
#define LOG_SUM_LEN 8u

/* Whether the log's sums add up big-endian words: its header says which. */
bool log_is_big_endian(const uint8_t header[LOG_HEADER_LEN]);
/* Number of the page that the frame holds. */
uint32_t log_frame_page(const uint8_t header[LOG_FRAME_HEADER_LEN]);
/* The sum that a frame should have. `before`: the sum of the frame before it; of the
 * log's header for the first one. */
void log_frame_sum(const uint8_t header[LOG_FRAME_HEADER_LEN],
		   const uint8_t page[PAGE_LEN], const uint8_t before[LOG_SUM_LEN],
		   bool big_endian, uint8_t ret_sum[LOG_SUM_LEN]);
/* Whether the frame has that sum. */
bool log_frame_is_right(const uint8_t header[LOG_FRAME_HEADER_LEN],
			const uint8_t page[PAGE_LEN], const uint8_t before[LOG_SUM_LEN],
			bool big_endian);

#endif
