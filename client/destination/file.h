/*
 * Files of a materialise: made, filled from any worker, completed. Private to
 * client/destination.
 */
#ifndef BATON_CLIENT_DESTINATION_FILE_H
#define BATON_CLIENT_DESTINATION_FILE_H

#include "client/destination/internal.h"

int file_make_empty(struct materialise *m, unsigned worker, uint32_t entry,
		    struct error *error);
/* Not from two threads at once. A file of several units, whose bytes come in any order
 * from any worker. */
int file_make_large(struct materialise *m, uint32_t entry, struct error *error);
/* All of the entry is there: a file or link that is staged goes to its place, unless all
 * waits for the end. */
int file_complete(struct materialise *m, unsigned worker, uint32_t entry,
		  struct error *error);

#endif
