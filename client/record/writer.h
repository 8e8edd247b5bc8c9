/*
 * Writes a stat record (record/record.h) in one pass, merging what is seen now with what
 * an earlier record knows of paths that were not looked at. Memory: a small buffer and
 * what the depth of the tree needs.
 *
 * One thread. All failures are silent towards the user: a record that cannot be written
 * is none.
 */
#ifndef BATON_CLIENT_RECORD_WRITER_H
#define BATON_CLIENT_RECORD_WRITER_H

#include "client/record/record.h"

struct record_writer;

/* earlier, view: borrowed. earlier: NULL: none. view: what is added is in it where its
 * in_view says so; NULL: the earlier record's view is this one's too, if nothing that is
 * added contradicts it. NULL and errno where none can be written. */
struct record_writer *record_writer_new(int root_fd, const struct record *earlier,
					const struct record_view *view);
/* Without _commit nothing has changed. NULL is fine. */
void record_writer_free(struct record_writer *writer);

/* An entry as it was seen now. Of the record_entry age, units and unit_count are not
 * used; one that is not trusted needs no stamp, size and units. */
struct record_addition {
	struct record_entry entry;
	const struct unit_name *units; /* borrowed */
	uint32_t unit_count;
};

/* Adds an entry. In manifest order: the directory itself first, with depth 0; each
 * behind its directory, whose depth is one less. */
void record_writer_add(struct record_writer *writer, size_t depth,
		       const struct record_addition *addition);

/* Nothing more will be added: writes what there is, and removes old records to make
 * room. For callers that have time now, and not at the commit, which else does it. */
void record_writer_end(struct record_writer *writer);

/* base: NULL: none. 0, or -1 and errno. */
int record_writer_commit(struct record_writer *writer, const struct record_base *base);

/* Writes the record once more, with another view: its rows, and the directories above
 * them, are these entries. 0, or -1 and errno. */
int record_write_view(int root_fd, const struct record *record,
		      const struct record_view *view, const uint32_t *entries,
		      uint32_t count);

#endif
