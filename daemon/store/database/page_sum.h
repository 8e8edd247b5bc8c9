/*
 * What shows that a page of a database, or of its log, is what was written (FORMAT.md
 * §5). Pure.
 *
 * A database whose first page says so keeps 8 bytes at the end of each page free, which
 * SQLite never looks at: they hold XXH3-64 of what stands before them, XOR the page's
 * number, so that a page in another's place is noticed too. A page in the log stands
 * behind a frame header of SQLite's own, whose sum goes on from that of the frame before.
 */
#ifndef BATON_STORE_DATABASE_PAGE_SUM_H
#define BATON_STORE_DATABASE_PAGE_SUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of every database that has sums. */
#define PAGE_LEN 4096u
#define PAGE_SUM_LEN 8u

/* The user_version under which there are none. */
#define VERSION_WITHOUT_SUMS 2u

/* Bytes of the first page that these look at. */
#define PAGE_HEAD_LEN 64u
/* Whether the beginning of a first page says that its database's pages have sums. */
bool page_has_sums(const uint8_t *head);
/* And that all of them are kept right: under VERSION_WITHOUT_SUMS a program that knows of
 * none may have written pages between, and left the room for sums as it found it. */
bool page_sums_are_kept(const uint8_t *head);

/* Numbers begin at 1. */
void page_sum_put(uint8_t page[PAGE_LEN], uint32_t number);
bool page_sum_is_right(const uint8_t page[PAGE_LEN], uint32_t number);

/* Lengths in the log: its header, and the one of each frame. */
#define LOG_HEADER_LEN 32u
#define LOG_FRAME_HEADER_LEN 24u
#define LOG_FRAME_LEN (LOG_FRAME_HEADER_LEN + PAGE_LEN)
/* Where the running sum stands in either. */
#define LOG_HEADER_SUM_AT 24u
#define LOG_FRAME_SUM_AT 16u
#define LOG_SUM_LEN 8u

/* Whether a log's sums are of big-endian words, which its header's magic says. */
bool log_is_big_endian(const uint8_t header[LOG_HEADER_LEN]);
/* The number of the page that stands behind it. */
uint32_t log_frame_page(const uint8_t header[LOG_FRAME_HEADER_LEN]);
/* The sum that belongs into a frame. `before`: that of the frame before, or of the log's
 * header. */
void log_frame_sum(const uint8_t header[LOG_FRAME_HEADER_LEN],
		   const uint8_t page[PAGE_LEN], const uint8_t before[LOG_SUM_LEN],
		   bool big_endian, uint8_t ret_sum[LOG_SUM_LEN]);
/* Whether that stands in it. */
bool log_frame_is_right(const uint8_t header[LOG_FRAME_HEADER_LEN],
			const uint8_t page[PAGE_LEN], const uint8_t before[LOG_SUM_LEN],
			bool big_endian);

#endif
