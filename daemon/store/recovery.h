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
/* The same for one that only reads, beside others that do: the file stays as it is, and
 * one that is missing is nobody's. `alone`: beside none. */
int recovery_lock_to_read(struct store *store, bool alone, struct error *error);

/* Checks `format`, or writes it into a directory that has no catalogue. ERR_VERSION,
 * ERR_DAMAGED (also for segments or a stamp without a catalogue), ERR_LOCAL. */
int recovery_check_format(struct store *store, struct error *error);

/* Of these only that it is no newer one: ERR_VERSION, ERR_LOCAL. */
int recovery_check_version(struct store *store, struct error *error);
/* Today's, durably, whatever is there. ERR_NO_ROOM, ERR_LOCAL. */
int recovery_write_format(const struct store *store, struct error *error);

/* Writes today's format over an older one, which keeps an older batond from what is about
 * to be written: it would change pages of the catalogue and leave their sums as they
 * were. Nothing where it is today's already. ERR_NO_ROOM, ERR_LOCAL. */
int recovery_raise_format(struct store *store, struct error *error);

/* Whether something lies there that can say more than the catalogue: 1, 0, ERR_LOCAL. */
int recovery_has_witness(const struct store *store, struct error *error);

/* Compares each segment file with the catalogue: cuts off, deletes, marks as damaged;
 * fills the segment table. While any damage is known, and in a frozen store, nothing is
 * cut off or deleted, and nothing that lies there is appended to. */
int recovery_segments(struct store *store, const struct survey *survey,
		      struct error *error);

/* Whether `clean` vouches for the unit index, and for as many damaged frames as are
 * marked now: it is gone from the disk afterwards. */
int recovery_take_clean_mark(struct store *store, bool *ret_clean, struct error *error);
/* Writes the mark: the index is on the disk, nothing follows. */
int recovery_put_clean_mark(struct store *store, struct error *error);

#endif
