/*
 * The tree of a view in memory: what an attach needs to compare, fetch and write it.
 * About 125 bytes for a file of one unit with everything that is built on it, so that a
 * million files fit into 128 MiB. Memory grows with rows received, never with numbers
 * claimed.
 *
 * Entries stand in manifest order: a directory, all that is below it, its next sibling.
 * Entry 0 is DIR itself; directories without a row, which only something below them
 * implies, have an entry too. Built by one thread, then read by any.
 */
#ifndef BATON_CLIENT_VIEW_TABLE_H
#define BATON_CLIENT_VIEW_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/bytes.h"
#include "proto/base/error.h"
#include "proto/manifest/manifest.h"

#define VIEW_ROOT 0u

struct view_entry {
	uint32_t parent; /* entry of its directory; VIEW_ROOT is its own */
	uint32_t name;   /* where in names: the name, a NUL; links: the target, a NUL */
	int64_t seconds; /* of the modification time */
	uint32_t nanoseconds;
	uint16_t mode;    /* 0 … 0777 */
	uint8_t type;     /* enum row_type */
	bool implied : 1; /* a directory without a row: mode and time mean nothing */
	bool in_base : 1; /* the caller's: it is a row of one certain layer */
	uint32_t first_unit;
	union {
		uint32_t unit_count; /* files */
		uint32_t end;        /* directories: the entry behind all below it */
	};
};

/* One mention of a unit. */
struct view_unit {
	struct unit_name name;
	uint32_t entry;
	uint64_t offset; /* in the file */
};

struct view_table {
	struct view_entry *entries; /* owned */
	uint32_t entry_count;
	uint32_t entry_room;
	struct view_unit *units; /* owned; all mentions, in the order of the rows */
	uint32_t unit_count;
	uint32_t unit_room;
	struct buffer names; /* owned */
	/* While rows are added: the directories that the next row may be in. */
	struct buffer path;          /* owned; of the innermost one */
	struct open_directory *open; /* owned */
	size_t open_count;
	size_t open_room;
};

void view_table_init(struct view_table *table);
/* Adds a row that a row decoder gave, so it is valid and ascends. ERR_LIMIT: more than
 * 2^32 of something. */
int view_table_add(struct view_table *table, const struct row *row, struct error *error);
/* After the last row: frees what only adding rows needs. */
void view_table_finish(struct view_table *table);
void view_table_fini(struct view_table *table);

const char *view_table_name(const struct view_table *table, uint32_t entry);
const char *view_table_target(const struct view_table *table, uint32_t entry);
/* The size of a file in bytes. */
uint64_t view_table_size(const struct view_table *table, uint32_t entry);
/* The entry behind this one and all below it. */
uint32_t view_table_end(const struct view_table *table, uint32_t entry);
/* The path below DIR; "" is DIR itself. Owned by the caller. */
char *view_table_path(const struct view_table *table, uint32_t entry);
/* The path below DIR, as escape_encode() writes it: for sentences. "." is DIR itself.
 * Owned by the caller. */
char *view_table_shown(const struct view_table *table, uint32_t entry);

#endif
