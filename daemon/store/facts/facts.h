/*
 * Telling what the catalogue knows of a layer that is about to be committed, before it
 * is: so that it can be written into the layer's segment (commit_frame.h), and a
 * catalogue be made again of the segments alone (FORMAT.md §13).
 */
#ifndef BATON_STORE_FACTS_FACTS_H
#define BATON_STORE_FACTS_FACTS_H

#include <stdint.h>

#include "daemon/store/catalogue/catalogue.h"
#include "proto/base/error.h"

/* {0} is none. */
void layer_facts_fini(struct layer_facts *facts);

/*
 * Gives the layer that is about to be committed its id, name, sequence and bases, and
 * tells what is known of its workflow. From now on each layer that is reserved or
 * committed is a later one, until the reservation is released; places, digests, counts
 * and the key are the caller's to fill in. ERR_DAMAGED, ERR_NOT_FOUND.
 */
int facts_reserve(struct catalogue *catalogue, int64_t execution_id,
		  struct layer_facts *ret_facts, struct error *error);
/* After its commit or failure; nothing for one that was not reserved. */
void facts_release(struct catalogue *catalogue, const struct layer_facts *facts);

#endif
