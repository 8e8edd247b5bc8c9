/*
 * The base of a persist: a layer that the daemon has already, and what of it a new
 * manifest has again. Any thread once it is made.
 */
#ifndef BATON_CLIENT_UPLOAD_BASE_H
#define BATON_CLIENT_UPLOAD_BASE_H

#include "client/record/record.h"
#include "client/tree/tree.h"
#include "proto/manifest/manifest.h"

struct base {
	const struct root *root; /* borrowed; NULL: none */
	struct digest *pieces;   /* owned; sorted */
	/* Which entries of the stat record are which rows of the base; both NULL: that is
	 * not known. */
	uint32_t *numbers; /* owned; by entry of the record; BASE_ROW_NONE: not one */
	uint32_t *firsts;  /* owned; of each piece its first row, and the end of all */
};
#define BASE_ROW_NONE UINT32_MAX

/* root, record: NULL: none. prefix: what is stored before each path. */
void base_init(struct base *base, const struct root *root, const struct record *record,
	       const char *prefix);
void base_fini(struct base *base);

bool base_has(const struct base *base, const struct unit_name *piece);
/* Whether base_same_piece() may find one. */
bool base_knows_rows(const struct base *base);
/* The piece of the base that a new manifest would have, too, from this entry on: all its
 * rows stand unchanged and alone. NULL, or the piece and the entry of its last row. */
const struct root_piece *base_same_piece(const struct base *base, const struct tree *tree,
					 uint32_t entry, uint32_t *ret_last);

#endif
