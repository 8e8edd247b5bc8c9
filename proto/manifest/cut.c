/* Where a piece ends: what its writer keeps and its readers check (PROTOCOL.md §7). */
#include "proto/manifest/manifest.h"

/* 9 bits of a path's hash: every 512th row after PIECE_LEN_MIN, so that with rows of 70
 * to 95 bytes pieces have 46 KiB to PIECE_LEN_TARGET on average (50,000 rows
 * measured). */
#define CUT_MASK 0x1ffu

bool piece_ends_after(size_t rows_len, const char *path, size_t path_len)
{
	return rows_len >= PIECE_LEN_MIN && (xxh64_of(path, path_len) & CUT_MASK) == 0;
}
