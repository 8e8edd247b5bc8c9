/*
 * Files of a persist, one open at a time: opened below the root, read whole or in parts,
 * torn ones noticed (rule T3). One for each thread that reads.
 */
#ifndef BATON_CLIENT_CONTENT_SOURCE_H
#define BATON_CLIENT_CONTENT_SOURCE_H

#include "client/content/chunk.h"
#include "client/content/extent.h"
#include "client/content/reading.h"
#include "client/content/secret.h"
#include "client/tree/directory.h"

struct source_file {
	int fd; /* owned; -1: none */
	uint32_t entry;
	unsigned attempt;
	uint16_t mode;             /* 0 … 0777 */
	struct source_state state; /* when it was opened */
	uint64_t size;             /* bytes: what its state says, or what was measured */
	bool is_measured;          /* it does not know its size */
	bool racy;                 /* its stamp was not settled then */
	uint8_t loss;              /* LOSS_…; with any it is read each time */
	bool is_plain;             /* on the root's device, not through a followed link */
	struct extent extent;      /* the latest run of data, or hole */
	uint64_t at;               /* bytes read and cut */
	uint64_t shown;            /* bytes counted as progress */
	struct chunker chunker;
	uint32_t *units; /* owned */
	uint32_t unit_count, unit_room;
};

struct source {
	struct reading *reading;         /* borrowed */
	struct tree_directory directory; /* of the file opened last */
	uint8_t *scratch;                /* borrowed; UNIT_LEN_MAX bytes */
	bool has_zeros;                  /* zeros is known */
	struct xxh128 zeros;             /* of CHUNK_MAX of them */
	struct secret_watch watch;       /* over what is read of the file */
	bool settles; /* rows need what it opens: nothing can be left out now */
	struct source_file file;
};

void source_init(struct source *source, struct reading *reading, uint8_t *scratch);
void source_fini(struct source *source);

/* Opens the file of an entry, of which nothing is written. Without a file: it vanished
 * and was left out, as --if-changed=skip wants it. ERR_LOCAL, ERR_LIMIT name it. */
int source_open(struct source *source, uint32_t entry, unsigned attempt,
		struct error *error);
bool source_is_open(const struct source *source);
void source_close(struct source *source);

/* Reads up to len bytes from offset, and no holes of large files; fewer at the end of the
 * file. One byte more than the file should have costs nothing and shows whether it has
 * more. ERR_DENIED: it holds the reading's secret. */
int source_read(struct source *source, uint64_t offset, void *data, size_t len,
		size_t *ret_len, struct error *error);
/* Whether the len bytes from offset, of a large file, are in a hole: zeros, which
 * source_read() gives without reading. */
bool source_is_hole(struct source *source, uint64_t offset, size_t len);
/* For a file that has more or fewer bytes than its status says, though nobody writes to
 * it (procfs, sysfs, some of FUSE): reads it to its end, and begins anew with that size.
 */
int source_measure(struct source *source, struct error *error);
/* Looks at the first bytes of the file for what else is lost of it (loss.h). */
void source_note_beginning(struct source *source, const void *data, size_t len);
/* Appends a unit to those of the file. ERR_LIMIT: a row cannot name so many. */
int source_add_unit(struct source *source, uint32_t unit, struct error *error);
/* Whether the file is what it was when it was opened. */
bool source_unchanged(const struct source *source);
bool source_state_equal(const struct source_state *a, const struct source_state *b);
/* Whether the file still begins with these units: 1, 0 or <0. */
int source_matches(struct source *source, const uint32_t *units, uint32_t count,
		   struct error *error);

/* Gives the entry what was read: mode, time, size and units. Closes the file. */
void source_finish(struct source *source);
/* The entry's stamp stands for what was read, so that the stat record may say so. */
void source_trust(const struct source *source);

#endif
