/*
 * The tree that a scripted client persists: of a few paths and units, as many bytes of an
 * input say, in one piece, with its root.
 */
#ifndef BATON_TESTS_FUZZ_SCRIPT_TREE_H
#define BATON_TESTS_FUZZ_SCRIPT_TREE_H

#include "proto/base/bytes.h"
#include "proto/unit/digest.h"

#define SCRIPT_UNITS 8u

struct script_tree {
	struct buffer piece, root; /* owned */
	struct unit_name name;     /* of the piece */
};

void script_tree_read(struct reader *in, struct script_tree *ret_tree);
void script_tree_fini(struct script_tree *tree);

/* The units whose bits are set; their bytes are appended to ret_raw, unless that is NULL.
 * Returns how many. */
uint32_t script_tree_units(const struct script_tree *tree, uint8_t which,
			   struct unit_name ret_names[SCRIPT_UNITS],
			   struct buffer *ret_raw);

#endif
