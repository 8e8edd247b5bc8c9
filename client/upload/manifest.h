/*
 * The manifest of a persist: rows in order, cut into pieces, which are asked about and
 * sent like other units. Rows are made as early as they can be, while later files are
 * still read: at the end there should be little left that one core does alone.
 *
 * The thread that walks.
 */
#ifndef BATON_CLIENT_UPLOAD_MANIFEST_H
#define BATON_CLIENT_UPLOAD_MANIFEST_H

#include "client/upload/base.h"
#include "client/upload/frames.h"
#include "proto/base/text.h"
#include "proto/manifest/manifest.h"

struct manifest {
	const struct tree *tree; /* borrowed */
	const struct buffer
		*is_file;        /* borrowed; a byte for each entry that was walked */
	const struct base *base; /* borrowed */
	const char *prefix;      /* borrowed; NULL: none */
	struct text secret; /* borrowed; no name and no target may hold it; empty: none */
	struct frames *frames; /* borrowed */
	struct packer *packer; /* borrowed; the thread's */

	struct totals totals; /* so far */
	struct piece_writer writer;
	uint32_t next;        /* entry whose row, if it has one, comes next */
	uint32_t directory;   /* whose path begins `path`; NO_DIRECTORY: none does */
	size_t directory_len; /* bytes of that, with the "/" behind it */
	struct buffer path, scratch, names; /* owned */
};

/* The borrowed members are set before. */
void manifest_init(struct manifest *manifest);
void manifest_fini(struct manifest *manifest);

/* Makes rows up to the first entry that is not settled, asks about the pieces that they
 * fill, and sends those that the daemon lacks. */
int manifest_advance(struct manifest *manifest, struct error *error);
/* Makes all rows that are left, after which the root is complete. All entries must be
 * settled. */
int manifest_finish(struct manifest *manifest, struct error *error);

#endif
