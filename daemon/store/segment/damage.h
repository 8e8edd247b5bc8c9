/*
 * The frames that are known to be damaged (FORMAT.md §8): nothing in them is offered, and
 * readers look for another copy first. A wrong mark only costs the room for that copy: a
 * marked frame is still read where there is no other.
 *
 * Any thread. One mutex inside, which no other lock is taken under.
 */
#ifndef BATON_STORE_SEGMENT_DAMAGE_H
#define BATON_STORE_SEGMENT_DAMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/store/catalogue/catalogue.h"
#include "daemon/store/disk/io.h"
#include "proto/base/error.h"

/* The most that are kept; a store with more of them cannot be mended frame by frame. */
#define DAMAGE_MARKS_MAX 65536u

struct damage;

/* Reads the file `damaged` of the directory, if there is one; a line that is not one is
 * passed over. `io` and the descriptor are borrowed for its life. ERR_LOCAL. */
int damage_open(const struct io *io, int directory_fd, struct damage **ret_damage,
		struct error *error);
void damage_free(struct damage *damage); /* NULL is fine */

/* Whether that frame is marked; whether any frame of that segment is. Where nothing is
 * marked, as mostly, no lock is taken. */
bool damage_has(struct damage *damage, const struct segment_id *segment, uint64_t offset);
bool damage_is_in(struct damage *damage, const struct segment_id *segment);

/* How many are marked. */
size_t damage_count(const struct damage *damage);

/* Marks a frame, in memory. False where it was marked before, or too many are. */
bool damage_add(struct damage *damage, const struct segment_id *segment, uint64_t offset);
/* The same, and in the file. If it cannot be written there, the mark is known until the
 * next start. */
bool damage_mark(struct damage *damage, const struct segment_id *segment,
		 uint64_t offset);
/* Writes all marks, durably. For a program that does nothing else with them. ERR_LOCAL.
 */
int damage_keep(struct damage *damage, struct error *error);

#endif
