/*
 * The stat record: what an attach or a persist saw of a directory, kept outside of it, so
 * that the next one neither reads nor rewrites what has not changed.
 *
 * It is a cache: one that is missing, damaged, newer, of another directory or from the
 * future of the clock is no record, and no failure. It is believed only where a wrong
 * answer would need more than a write: an entry is *trusted* when its bytes were read (or
 * written, out of everybody's sight) at least two grains of the clock after its change
 * time, so that any later write gives it another one. A restored modification time, a
 * replaced or reused inode and a copied tree all show in inode or change time. Only file
 * systems whose times are this kernel's own are recorded: no network, no FUSE, no FAT.
 * What no stat can show stays unseen: stores through a shared mapping on tmpfs.
 *
 * The file, little-endian; varint as in PROTOCOL.md:
 *
 *    0  "BTSR"
 *    4  u8  version, 2
 *    5  u8  hashes, 1: XXH3-128 and SHA-256
 *    6  u16 zero
 *    8  u64 XXH3-64 of all that follows
 *   16  u64 length of the file
 *   24  u64 device, of the directory and of every entry
 *   32  u64 inode of the directory
 *   40  i64 when it was written, nanoseconds since 1970
 *   48  u32 entries
 *   52  u32 bytes of the directory's path
 *   56  8   id of the base: a layer in which the entries with the flag "base" stand; or 0
 *   64  32  the base's digest
 *   96  u32 1: aligned; else 0
 *  100  32  tag (PROTOCOL.md §6) of the view in which the entries with the flag "view"
 *           stand; or 0
 *  132  32  the view's digest
 *  164  32  SHA-256 of the URL of the daemon that gave it
 *  196  40  its files, directories, symlinks, bytes, unit mentions: u64 each
 *  236      the path; then the entries
 *
 * Entries are in manifest order, each behind its directory; the first is the directory
 * itself, whose name is empty:
 *
 *   varint  how many open directories end before it
 *   u8      bits 0–1 type (row_type), 2 trusted, 3 base, 4 listed, 5 view, 6–7 age
 *   u8 and bytes: name
 *   u16     mode, 07777
 *   trusted: u64 inode, i64 and u32 modification time, i64 change time in nanoseconds
 *   trusted file: varint size, varint units, each XXH3-128, u32 length, SHA-256
 *   link:   u16 and bytes: target
 *
 * *Base* entries are rows of the base. In an *aligned* record they are all its rows, in
 * their order, under the same paths; so an entry that still holds is its row to the
 * letter. So it is for *view* entries, which are all rows of the view that an attach
 * wrote and the directories above them, unless it is said otherwise by a tag of 0.
 *
 * A *listed* directory has an entry for everything in it. *Age* counts how often the
 * record was written without the entry being looked at; old ones are dropped.
 *
 * A record is read by any thread once it is open.
 */
#ifndef BATON_CLIENT_RECORD_RECORD_H
#define BATON_CLIENT_RECORD_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "client/files/stamp.h"
#include "proto/base/bytes.h"
#include "proto/bounds.h"
#include "proto/manifest/manifest.h"
#include "proto/unit/digest.h"

#define RECORD_NONE UINT32_MAX
/* Length of one unit in a record. */
#define RECORD_UNIT_LEN (XXH128_LEN + 4u + SHA256_LEN)

struct record_entry {
	const char *name; /* borrowed, no NUL behind it */
	size_t name_len;
	uint8_t type; /* enum row_type */
	uint8_t age;
	bool trusted, in_base, in_view;
	bool listed;   /* directories */
	uint16_t mode; /* 07777 */
	struct stamp stamp;
	uint64_t size; /* files */
	uint32_t unit_count;
	const uint8_t *units; /* borrowed; RECORD_UNIT_LEN each */
	const char *target;   /* borrowed, no NUL behind it; links */
	size_t target_len;
};

/* The layer that a next persist names as its base. */
struct record_base {
	bool known;
	bool aligned; /* all its rows are entries here, with the same paths */
	uint8_t layer[LAYER_ID_LEN];
	struct digest digest;
};

/* A view whose rows are all entries of a record. */
struct record_view {
	struct digest tag;    /* what the daemon calls its rows */
	struct digest digest; /* its own */
	struct digest server; /* the daemon that gave it; not of a base */
	struct totals totals;
	bool is_base; /* it is that of an aligned base: tag and digest are its digest */
};
/* The base's own view, and the view in the header. */
#define RECORD_VIEWS_MAX 2u
/* Whether it has a tag and rows. An empty view is never held: that there is nothing is
 * asked anew each time (W8). */
bool record_view_is_known(const struct record_view *view);

struct record;

/* Where records are kept, whether it is there or not; owned by the caller. NULL: nowhere.
 */
char *record_folder(void);

/* The record of an open directory; NULL where there is none that can be used. */
struct record *record_open(int root_fd);
void record_close(struct record *record); /* NULL is fine */

const struct record_base *record_base(const struct record *record);
/* Whether the record is one of this open directory. */
bool record_is_of(const struct record *record, int root_fd);
/* Views of which each file and link is trusted: up to RECORD_VIEWS_MAX, with different
 * tags; borrowed. */
const struct record_view *record_views(const struct record *record, size_t *ret_count);
uint32_t record_count(const struct record *record); /* at least 1 */
struct record_entry record_get(const struct record *record, uint32_t entry);
/* Some of an entry's fields, which are quicker to read than all. */
struct record_name {
	const char *name; /* borrowed, no NUL behind it */
	size_t name_len;
	uint8_t type; /* enum row_type */
	uint8_t age;
	bool in_base, in_view;
};
/* Whether the entry is a row of the view, or a directory above one. */
bool record_view_has(const struct record_view *view, const struct record_name *entry);
struct record_name record_name_of(const struct record *record, uint32_t entry);
struct unit_name record_unit(const struct record_entry *entry, uint32_t unit);

/* The entry behind this one and all below it. Children of a directory d begin at d + 1,
 * each followed by its _end(). */
uint32_t record_end(const struct record *record, uint32_t entry);
uint32_t record_parent(const struct record *record, uint32_t entry);
/* Looks for a name among the children of a directory, from *at on, which is one of them
 * or `end`. The entry of that name, *at is then behind it and all below it; RECORD_NONE,
 * and *at is the first child whose name is not below this one. */
uint32_t record_seek(const struct record *record, uint32_t *at, uint32_t end,
		     const char *name, size_t len);
/* Appends the entry's path below the directory; nothing for entry 0. */
void record_path(const struct record *record, uint32_t entry, struct buffer *out);
/* The entry with this path below the directory; RECORD_NONE. */
uint32_t record_find(const struct record *record, const char *path, size_t len);

/* Whether a path that looks so holds what the entry says: all of it equal, and trusted.
 */
bool record_entry_holds(const struct record *record, const struct record_entry *entry,
			const struct stat *status);

/* ---- for who writes one of it ---- */
/* The header's view, whether all of it is trusted or not. */
const struct record_view *record_own_view(const struct record *record);
/* The bytes of the record, borrowed, and where the flags of an entry stand in them. */
const uint8_t *record_bytes(const struct record *record, size_t *ret_len);
size_t record_flags_at(const struct record *record, uint32_t entry);

#endif
