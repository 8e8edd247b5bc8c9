/*
 * How many layers a namespace has, and how many it may have (rule L3). A persist takes a
 * place for its layer before it writes anything, so that those who persist together keep
 * the quota, and none writes for nothing. Any thread.
 */
#ifndef BATON_STORE_LIFE_CENSUS_H
#define BATON_STORE_LIFE_CENSUS_H

#include <stdint.h>

#include "daemon/store/catalogue/catalogue.h"
#include "proto/base/error.h"

/* Takes a place among `quota` layers; 0: no limit. ERR_QUOTA: there is none. The commit
 * fills it (struct layer_commit), or census_leave() gives it back. */
int census_enter(struct catalogue *catalogue, int64_t namespace_id, uint64_t quota,
		 struct error *error);
void census_leave(struct catalogue *catalogue, int64_t namespace_id);
/* With the catalogue's mutex held: layers were given up, and are counted again. */
void census_forget(struct catalogue *catalogue);

#endif
