/*
 * Long runs of zeros are not written, so that they become holes: what was sparse is
 * sparse again, whatever cut it into units. Any thread.
 */
#ifndef BATON_CLIENT_PLACE_HOLES_H
#define BATON_CLIENT_PLACE_HOLES_H

#include <stddef.h>
#include <stdint.h>

/* Only whole blocks of the file become holes, as file systems keep them. */
#define HOLES_BLOCK_LEN 4096u
/* From this length on a hole saves more than it costs in calls. Shorter runs of zeros,
 * as ordinary files have them, are written. */
#define HOLES_LEN_MIN (16u * 1024u)

/* Writes bytes to where a new file, which ends at file_len, has nothing yet. Whatever is
 * written last, in any order and by any thread: the file is as long as file_len once all
 * of it is. 0, or -1 and errno. */
int holes_write(int fd, const uint8_t *bytes, size_t len, uint64_t offset,
		uint64_t file_len);

#endif
