/*
 * What store_open does before the first answer: the files around the parts, and the
 * segments compared with what the catalogue vouches for (FORMAT.md §1).
 */
#ifndef BATON_STORE_RECOVERY_H
#define BATON_STORE_RECOVERY_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/store/disk/parts.h"
#include "daemon/store/survey.h"
#include "proto/base/error.h"

/* Takes the lock and writes this process's id into it, where there is room for that.
 * ERR_BUSY names the other one. */
int recovery_lock(struct store *store, struct error *error);
/* The same for a store that is only read, perhaps beside others that do the same. The
 * file stays as it is; if it is missing nobody holds the lock. `alone`: no other may
 * read beside it. */
int recovery_lock_to_read(struct store *store, bool alone, struct error *error);

/* Checks `format`, or writes it into a directory that has no catalogue. ERR_VERSION,
 * ERR_DAMAGED (also for segments or a stamp without a catalogue), ERR_LOCAL. */
int recovery_check_format(struct store *store, struct error *error);

/* Of these only that it is no newer one: ERR_VERSION, ERR_LOCAL. */
int recovery_check_version(struct store *store, struct error *error);
/* Today's, durably, whatever is there. ERR_NO_ROOM, ERR_LOCAL. */
int recovery_write_format(const struct store *store, struct error *error);

/* Writes today's format over an older one; nothing if it is today's already. It keeps an
 * older batond away, which would change pages of the catalogue and leave their sums as
 * they were. ERR_NO_ROOM, ERR_LOCAL. */
int recovery_raise_format(struct store *store, struct error *error);

/* Whether the directory has something that may remember more than the catalogue
 * (forgotten.h): 1 or 0; ERR_LOCAL. */
int recovery_has_witness(const struct store *store, struct error *error);

/* Compares each segment file with the catalogue: cuts off, deletes, marks as damaged;
 * fills the segment table. While any damage is known, and in a frozen store, nothing is
 * cut off or deleted, and nothing that lies there is appended to. */
int recovery_segments(struct store *store, const struct survey *survey,
		      struct error *error);

/* Whether `clean` vouches for the unit index, and counts as many damaged frames as are
 * marked now. The file is gone from the disk afterwards. */
int recovery_take_clean_mark(struct store *store, bool *ret_clean, struct error *error);
/* Writes the file. The index must be on the disk, and nothing may change afterwards. */
int recovery_put_clean_mark(struct store *store, struct error *error);

#endif
