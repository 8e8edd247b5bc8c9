/*
 * Files of a destination: made, filled from any worker, completed. Private to
 * client/destination.
 */
#ifndef BATON_CLIENT_DESTINATION_FILE_H
#define BATON_CLIENT_DESTINATION_FILE_H

#include "client/destination/internal.h"

int file_make_empty(struct destination *dest, unsigned worker, uint32_t entry,
		    struct error *error);
/* Not from two threads at once. A file of several units, whose bytes come in any order
 * from any worker. */
int file_make_large(struct destination *dest, uint32_t entry, struct error *error);
/* All of the entry is there: a file or link that is staged goes to its place, unless all
 * waits for the end. */
int file_complete(struct destination *dest, unsigned worker, uint32_t entry,
		  struct error *error);

#endif
