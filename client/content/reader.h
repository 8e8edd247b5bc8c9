/*
 * Reads files into batches: each file whole or not at all (rule T3), without units that
 * were met before. One for each thread that reads.
 */
#ifndef BATON_CLIENT_CONTENT_READER_H
#define BATON_CLIENT_CONTENT_READER_H

#include "client/content/batch.h"
#include "client/content/source.h"

struct content_reader {
	struct reading *reading; /* borrowed */
	struct source source;
	uint32_t next, end; /* entries taken: the caller's to set */
	bool has_zeros;     /* a chunk of zeros was met, and is this unit */
	uint32_t zeros;
};

/* scratch: borrowed; UNIT_LEN_MAX bytes. */
void content_reader_init(struct content_reader *reader, struct reading *reading,
			 uint8_t *scratch);
void content_reader_fini(struct content_reader *reader);

/* Whether it has something to go on with: entries, or a file that it has begun. */
bool content_reader_holds(const struct content_reader *reader);
/* Fills the batch: from its entries as long as there are some and the batch has room,
 * then from files that are to be read again. */
int content_reader_fill(struct content_reader *reader, struct batch *batch,
			struct error *error);

#endif
