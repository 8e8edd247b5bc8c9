/*
 * Hands all entries of a tree to the writer of a record, one after the other, with the
 * depth of each and the names of its units. One thread.
 */
#ifndef BATON_CLIENT_RECORD_PASS_H
#define BATON_CLIENT_RECORD_PASS_H

#include "client/record/writer.h"

struct record_pass {
	struct record_writer *writer; /* owned */
	uint32_t *depths;             /* owned; by entry */
	struct buffer units;          /* names of one file's */
};

/* count: entries of the tree. Takes the writer over. */
void record_pass_init(struct record_pass *pass, struct record_writer *writer,
		      uint32_t count);
void record_pass_fini(struct record_pass *pass);

/* Adds one more unit to the file that record_pass_add() adds next. */
void record_pass_add_unit(struct record_pass *pass, const struct unit_name *unit);
/* Adds an entry, with the units that were added before. In manifest order; the directory
 * itself comes first, and is its own parent. */
void record_pass_add(struct record_pass *pass, uint32_t number, uint32_t parent,
		     const struct record_entry *entry);

#endif
