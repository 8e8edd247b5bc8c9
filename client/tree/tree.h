/*
 * What a persist found: one entry for each path, in manifest order, compact enough for
 * millions (64 bytes and the name). Entries never move, so a reader fills in its file's
 * while the walk appends further ones.
 *
 * One thread appends. What it appended is another thread's to read once it was told so
 * under a lock; a file's own fields then belong to the thread that reads the file, until
 * it says that they are settled.
 */
#ifndef BATON_CLIENT_TREE_TREE_H
#define BATON_CLIENT_TREE_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/arena.h"
#include "proto/base/bytes.h"
#include "proto/base/error.h"
#include "proto/manifest/manifest.h"

/* The root is entry 0: a directory without a row and its own parent. */
#define TREE_ROOT 0u

struct entry {
	const char *name; /* borrowed from the tree; no NUL behind it */
	union {
		uint64_t size;      /* files: bytes */
		const char *target; /* links: borrowed from the tree, ends with a NUL */
		bool listed; /* directories: there is an entry for all that is in it */
	};
	union {
		uint32_t unit;   /* unit_count 1: its number in the unit table */
		uint32_t *units; /* unit_count > 1: their numbers; owned by the tree */
		uint64_t device; /* followed directories: with inode, which it was */
	};
	int64_t seconds;
	union {
		uint64_t inode;  /* of what was read, for the stat record */
		uint32_t record; /* with is_recorded: its entry there */
	};
	int64_t changed_ns; /* change time; 0: it proves nothing */
	uint32_t nanoseconds;
	uint32_t parent : 31;
	uint32_t is_followed : 1; /* a link's name; the rest is of what it leads to */
	uint32_t unit_count;
	uint16_t mode : 9;    /* 0 … 0777 */
	uint16_t type : 2;    /* enum row_type */
	bool is_row : 1;      /* false: a parent that is not stored, or a file left out */
	bool is_known : 1;    /* files: size, time, mode and units are final */
	bool is_recorded : 1; /* as the stat record says; not looked at further */
	bool loses : 1;       /* what loss.h says; what is recorded loses nothing */
	uint8_t name_len;
	bool settled; /* files: nothing above changes any more; see entry_settle() */
};

struct tree {
	struct entry **blocks; /* owned */
	uint32_t count;
	struct arena strings;
	bool has_unfit_mode; /* one_mode.h; atomic */
	uint8_t losses; /* LOSS_… of all entries so far, and of some left out; atomic */
};

void tree_init(struct tree *tree);
void tree_fini(struct tree *tree);

/* Appends; the name is copied. ERR_LIMIT beyond LAYER_ROWS_MAX. */
int tree_add(struct tree *tree, uint32_t parent, const char *name, size_t name_len,
	     uint32_t *ret_entry, struct error *error);
/* Takes the entry back that was appended last, before anybody else knows of it. */
void tree_drop_last(struct tree *tree);
/* A copy of len bytes with a NUL, which lives as long as the tree. */
const char *tree_text(struct tree *tree, const char *text, size_t len);

struct entry *tree_entry(const struct tree *tree, uint32_t entry);
/* The units of a file, whichever way they are kept. */
const uint32_t *entry_units(const struct entry *entry);
/* Takes a copy of the numbers. */
void entry_set_units(struct entry *entry, const uint32_t *units, uint32_t count);
/* Hands a file's fields from the thread that read it to whoever finds it settled. */
void entry_settle(struct entry *entry);
bool entry_is_settled(const struct entry *entry);

/* Clears out and writes the entry's path below the root, without a NUL; "" for the root.
 */
void tree_path(const struct tree *tree, uint32_t entry, struct buffer *out);
/* The same below another entry, which is the entry itself or one of its parents. */
void tree_path_from(const struct tree *tree, uint32_t above, uint32_t entry,
		    struct buffer *out);
/* The same as a text for sentences, escaped, "." for the root; owned by the caller. */
char *tree_path_text(const struct tree *tree, uint32_t entry);

#endif
